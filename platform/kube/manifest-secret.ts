import { isMap, parseDocument, stringify, type Document } from "yaml";

/** A Secret among the manifests of a text, and one of its keys. */
export interface ManifestPlace {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

/** What is wrong with manifests: which document, and where; never any of its content. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

/**
 * The values, decoded, under the key in every manifest of that Secret: of one that occurs twice the last wins when it is applied. Undefined where a
 * manifest has no such key, or something that is not base64 text.
 *
 * @throws ManifestError
 */
export function secretValues(text: string, place: ManifestPlace): readonly (string | undefined)[] {
  return documentsIn(text).flatMap(({ document }) =>
    isSecret(document, place) ? [decoded(document.getIn(["data", place.key]))] : [],
  );
}

/**
 * The text with the value under the key in every manifest of that Secret; a manifest is appended when there is none. All other documents stay
 * as they are, byte by byte.
 *
 * @throws ManifestError
 */
export function withSecretValue(text: string, place: ManifestPlace, value: string): string {
  const documents = documentsIn(text);
  const encoded = Buffer.from(value, "utf8").toString("base64");
  const changed = documents.map(({ marker, body, document }) => {
    if (!isSecret(document, place)) return marker + body;
    if (!isMap(document.get("data"))) document.set("data", document.createNode({}));
    document.setIn(["data", place.key], encoded);
    // It would win over `data` when it is applied.
    if (document.hasIn(["stringData", place.key])) document.deleteIn(["stringData", place.key]);
    return marker + rendered(document);
  });
  if (documents.some(({ document }) => isSecret(document, place))) return changed.join("");
  const appended = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: place.name, namespace: place.namespace },
    type: "Opaque",
    data: { [place.key]: encoded },
  };
  const before = changed.join("");
  const end = before === "" || before.endsWith("\n") ? before : `${before}\n`;
  return `${end}---\n${stringify(appended, LAYOUT)}`;
}

/**
 * The text without the value in every manifest of that Secret; the manifests stay.
 *
 * @throws ManifestError
 */
export function withoutSecretValue(text: string, place: ManifestPlace): string {
  return documentsIn(text)
    .map(({ marker, body, document }) => {
      if (!isSecret(document, place) || !document.hasIn(["data", place.key])) return marker + body;
      document.deleteIn(["data", place.key]);
      return marker + rendered(document);
    })
    .join("");
}

interface Part {
  /** The line `---` with what else is on it, or nothing before the first document. */
  readonly marker: string;
  readonly body: string;
  readonly document: Document;
}

const LAYOUT = { lineWidth: 0 } as const;

/** A line that begins with `---` divides documents wherever it stands, also in a block of text (YAML 1.2, 9.1.2). */
const DIVIDER = /^---(?=[ \t\r\n]|$)/m;

function documentsIn(text: string): readonly Part[] {
  const parts: Part[] = [];
  for (const [index, piece] of text.split(new RegExp(DIVIDER, "gm")).entries()) {
    // What stands behind the dashes on their line belongs to the document, unless it is only space.
    const space = index === 0 ? "" : (/^[ \t]*(?:#[^\r\n]*)?(?:\r?\n|$)/.exec(piece)?.[0] ?? "");
    const body = piece.slice(space.length);
    // Errors must not quote the source.
    const document = parseDocument(body, { prettyErrors: false, logLevel: "silent" });
    if (document.errors.length > 0) {
      const code = document.errors[0]?.code ?? "";
      throw new ManifestError(`document ${parts.length + 1} is not YAML (${code})`);
    }
    parts.push({ marker: index === 0 ? "" : `---${space}`, body, document });
  }
  return parts;
}

function isSecret(document: Document, { namespace, name }: ManifestPlace): boolean {
  return (
    isMap(document.contents) &&
    document.get("kind") === "Secret" &&
    document.get("apiVersion") === "v1" &&
    document.getIn(["metadata", "name"]) === name &&
    document.getIn(["metadata", "namespace"]) === namespace
  );
}

function rendered(document: Document): string {
  const text = document.toString(LAYOUT);
  return text.endsWith("\n") ? text : `${text}\n`;
}

function decoded(value: unknown): string | undefined {
  return typeof value === "string" ? Buffer.from(value, "base64").toString("utf8") : undefined;
}
