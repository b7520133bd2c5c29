import { createHash } from "node:crypto";

/** One part of a message: an entity as it stands (headers and body), or content that is encoded. */
export type MimePart =
  | { readonly entity: string }
  | {
      readonly contentType: string;
      readonly fileName: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly content: Uint8Array;
    };

/** A `multipart/mixed` message (RFC 2046, 5.1) as cloud-init takes it as user data. The same parts give the same bytes. */
export function multipart(parts: readonly MimePart[]): string {
  const bodies = parts.map((part) => ("entity" in part ? part.entity : encoded(part)));
  const boundary = boundaryFor(bodies);
  return [
    // cloud-init knows a MIME message by the second of these headers.
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    "MIME-Version: 1.0",
    "",
    ...bodies.flatMap((body) => [`--${boundary}`, body]),
    `--${boundary}--`,
    "",
  ].join("\n");
}

/** Whether the text is a MIME message: it begins with headers, of which one says so. */
export function isMimeMessage(text: string): boolean {
  const end = text.search(/\r?\n\r?\n/);
  const head = end < 0 ? "" : text.slice(0, end);
  return (
    head.split(/\r?\n/).every((line) => /^[!-9;-~]+:|^[ \t]/.test(line)) &&
    /^mime-version:/im.test(head) &&
    /^content-type:/im.test(head)
  );
}

function encoded({ contentType, fileName, headers, content }: Exclude<MimePart, { entity: string }>): string {
  const lines =
    Buffer.from(content)
      .toString("base64")
      .match(/.{1,76}/g) ?? [];
  return [
    `Content-Type: ${contentType}; charset="utf-8"`,
    "MIME-Version: 1.0",
    "Content-Transfer-Encoding: base64",
    `Content-Disposition: attachment; filename="${fileName}"`,
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    "",
    ...lines,
  ].join("\n");
}

/** Derived from the content, and in none of the bodies. */
function boundaryFor(bodies: readonly string[]): string {
  const hash = createHash("sha256");
  for (const body of bodies) hash.update(body).update("\0");
  const boundary = `capfn-${hash.digest("hex").slice(0, 32)}`;
  return bodies.some((body) => body.includes(boundary)) ? boundaryFor([...bodies, boundary]) : boundary;
}
