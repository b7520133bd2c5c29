import * as z from "zod";

/** A node of a CRD's schema (`apiextensions.k8s.io/v1` JSONSchemaProps), as far as it is looked at. */
export interface SchemaNode {
  readonly type?: string | undefined;
  readonly properties?: Readonly<Record<string, SchemaNode>> | undefined;
  readonly items?: SchemaNode | undefined;
  /** `true` stands for "anything". */
  readonly additionalProperties?: SchemaNode | boolean | undefined;
  readonly "x-kubernetes-int-or-string"?: boolean | undefined;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean | undefined;
  readonly "x-kubernetes-list-type"?: string | undefined;
  readonly "x-kubernetes-list-map-keys"?: readonly string[] | undefined;
}

export const schemaNode: z.ZodType<SchemaNode> = z.lazy(() =>
  z.object({
    type: z.string().optional(),
    properties: z.record(z.string(), schemaNode).optional(),
    items: schemaNode.optional(),
    additionalProperties: z.union([z.boolean(), schemaNode]).optional(),
    "x-kubernetes-int-or-string": z.boolean().optional(),
    "x-kubernetes-preserve-unknown-fields": z.boolean().optional(),
    "x-kubernetes-list-type": z.string().optional(),
    "x-kubernetes-list-map-keys": z.array(z.string()).optional(),
  }),
);

/** The node of a field, e.g. `status.conditions[].type`; undefined when the schema has none. */
export function fieldAt(root: SchemaNode | undefined, path: string): SchemaNode | undefined {
  let node = root;
  for (const step of path.split(".")) {
    const name = step.replace(/\[\]$/, "");
    node = node?.properties?.[name];
    if (step.endsWith("[]")) node = node?.items;
  }
  return node;
}

/** Why the field cannot hold what the contract puts there; undefined when it can. */
export function typeProblem(root: SchemaNode | undefined, path: string, type: string): string | undefined {
  const node = fieldAt(root, path);
  if (node === undefined) return `${path} is missing`;
  return node.type === type ? undefined : `${path} is of type ${node.type ?? "any"}, not ${type}`;
}

/** Why a field is no list with one entry for each value of `key`; undefined when it is. */
export function listMapProblem(root: SchemaNode | undefined, path: string, key: string): string | undefined {
  const wrong = typeProblem(root, path, "array") ?? typeProblem(root, `${path}[].${key}`, "string");
  if (wrong !== undefined) return wrong;
  const node = fieldAt(root, path);
  const keys = node?.["x-kubernetes-list-map-keys"] ?? [];
  return node?.["x-kubernetes-list-type"] === "map" && keys.length === 1 && keys[0] === key
    ? undefined
    : `${path} is no list-map by ${key}`;
}
