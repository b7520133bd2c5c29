import * as z from "zod";

import type { ServedVersion } from "#api/names.ts";

/** A schema node of a CRD (`apiextensions.k8s.io/v1` JSONSchemaProps), as plain JSON. */
export interface StructuralSchema {
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly pattern?: string | undefined;
  readonly properties?: Readonly<Record<string, StructuralSchema>> | undefined;
  readonly items?: StructuralSchema | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: StructuralSchema | undefined;
  readonly description?: string | undefined;
  readonly enum?: readonly string[] | undefined;
  readonly [keyword: string]: unknown;
}

/** What a rendered schema is for. */
export interface SchemaPurpose {
  readonly version: ServedVersion;
}

/** What the generator reads of a field's metadata besides the keywords it copies. */
export interface FieldNotes {
  readonly examples: readonly unknown[];
  /** New here; absent in the objects of the Go provider. */
  readonly addition: boolean;
}

/** Keywords of a field's metadata that are notes to this generator, not schema. */
const notes = new Set(["examples", "addition", "deprecated", "versions"]);

/** Keywords a CRD can say, in the order they are written. Anything else is an error, so that nothing is lost without a word. */
const keywords = [
  "description",
  "type",
  "anyOf",
  "format",
  "enum",
  "pattern",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "x-kubernetes-int-or-string",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
  "x-kubernetes-validations",
  "items",
  "additionalProperties",
  "properties",
  "required",
];

const nodeSchema = z.record(z.string(), z.unknown());
const notesSchema = z.looseObject({
  examples: z.array(z.unknown()).optional(),
  addition: z.boolean().optional(),
  versions: z.record(z.string(), nodeSchema).optional(),
});

/**
 * Renders a zod schema as the structural schema of a CRD (Kubernetes documentation, "Specifying a structural schema").
 * Throws when the schema holds something a CRD cannot say.
 */
export function structuralSchema(schema: z.ZodType, purpose: SchemaPurpose): StructuralSchema {
  return render(openApi(schema), purpose, "");
}

/** The notes of every field below `schema`, by path (`spec.volumes[].imageName`). */
export function fieldNotes(schema: z.ZodType): Map<string, FieldNotes> {
  return new Map(notesBelow(nodeSchema.parse(openApi(schema)), ""));
}

function openApi(schema: z.ZodType): unknown {
  return z.toJSONSchema(schema, { target: "openapi-3.0", io: "input", reused: "inline", cycles: "throw" });
}

function render(value: unknown, purpose: SchemaPurpose, path: string): StructuralSchema {
  const node = withoutTypeBounds(overlaid(nodeSchema.parse(value), purpose));
  const stranger = Object.keys(node).find((keyword) => !notes.has(keyword) && !keywords.includes(keyword));
  if (stranger !== undefined) {
    throw new Error(
      `${path || "the root"}: a CRD cannot say "${stranger}"; express it otherwise in the zod schema`,
    );
  }
  const rendered: Record<string, unknown> = {};
  for (const keyword of keywords.filter((keyword) => keyword in node)) {
    const content = renderKeyword(keyword, node, { purpose, path });
    if (content !== undefined) rendered[keyword] = content;
  }
  return rendered;
}

function renderKeyword(
  keyword: string,
  node: Record<string, unknown>,
  { purpose, path }: { purpose: SchemaPurpose; path: string },
): unknown {
  const content = node[keyword];
  switch (keyword) {
    case "properties":
      return renderProperties(content, purpose, path);
    case "items":
      return render(content, purpose, `${path}[]`);
    case "additionalProperties":
      // A loose object reads unknown fields, but the API server shall prune them: then there is nothing to say.
      return "properties" in node ? undefined : render(content, purpose, `${path}.*`);
    case "anyOf":
      if (node["x-kubernetes-int-or-string"] !== true) {
        throw new Error(`${path}: the only union a CRD can say is an integer or a string`);
      }
      return [{ type: "integer" }, { type: "string" }];
    case "required":
      return z.array(z.string()).parse(content).toSorted();
    default:
      return content;
  }
}

function renderProperties(
  content: unknown,
  purpose: SchemaPurpose,
  path: string,
): Record<string, StructuralSchema> {
  const rendered: Record<string, StructuralSchema> = {};
  for (const [name, child] of Object.entries(nodeSchema.parse(content)).sort(byName)) {
    if (overlaid(nodeSchema.parse(child), purpose)["absent"] === true) continue;
    rendered[name] = render(child, purpose, path === "" ? name : `${path}.${name}`);
  }
  return rendered;
}

function overlaid(node: Record<string, unknown>, purpose: SchemaPurpose): Record<string, unknown> {
  const { versions } = notesSchema.parse(node);
  return { ...node, ...versions?.[purpose.version] };
}

const typeBounds = new Set<unknown>([
  -(2 ** 31),
  2 ** 31 - 1,
  Number.MIN_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER,
]);

/** Bounds that come from the number's type are said as `format` (int32), or not at all: 2^53 bounds every JSON number. */
function withoutTypeBounds(node: Record<string, unknown>): Record<string, unknown> {
  const { minimum, maximum, ...rest } = node;
  const int32 = minimum === -(2 ** 31) || maximum === 2 ** 31 - 1;
  return {
    ...rest,
    ...(int32 ? { format: "int32" } : undefined),
    ...(minimum === undefined || typeBounds.has(minimum) ? undefined : { minimum }),
    ...(maximum === undefined || typeBounds.has(maximum) ? undefined : { maximum }),
  };
}

function* notesBelow(node: Record<string, unknown>, path: string): Generator<[string, FieldNotes]> {
  const { examples = [], addition = false } = notesSchema.parse(node);
  if (path !== "") yield [path, { examples, addition }];
  const properties = nodeSchema.safeParse(node["properties"]).data ?? {};
  for (const [name, child] of Object.entries(properties)) {
    yield* notesBelow(nodeSchema.parse(child), path === "" ? name : `${path}.${name}`);
  }
  const items = nodeSchema.safeParse(node["items"]).data;
  if (items?.["properties"] !== undefined) yield* notesBelow(items, `${path}[]`);
}

function byName([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
