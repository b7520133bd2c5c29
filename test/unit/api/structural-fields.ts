import { customResources } from "#api/custom-resources.ts";
import type { ServedVersion } from "#api/names.ts";
import { customResourceDefinition } from "#cli/generate/crds.ts";
import type { StructuralSchema } from "#cli/generate/structural-schema.ts";

/** The schema of a kind in a served version, as the CRD has it. */
export function renderedSchema(kind: string, version: ServedVersion): StructuralSchema {
  const resource = customResources.find((candidate) => candidate.kind === kind)!;
  const rendered = customResourceDefinition(resource).spec.versions.find(({ name }) => name === version)!;
  return rendered.schema.openAPIV3Schema;
}

/** The schema at a path such as `spec.volumes[].imageName`. */
export function schemaAt(schema: StructuralSchema, path: string): StructuralSchema {
  let node = schema;
  for (const step of path.split(".")) {
    node = node.properties?.[step.replace("[]", "")] ?? {};
    if (step.endsWith("[]")) node = node.items ?? {};
  }
  return node;
}

/** One line a field: `path! type`, `!` when required. */
export function fieldLines(schema: StructuralSchema, path = ""): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const below = path === "" ? name : `${path}.${name}`;
    const line = `${below}${schema.required?.includes(name) ? "!" : ""} ${typeOf(field)}`;
    return [line, ...fieldLines(field, below), ...(field.items ? fieldLines(field.items, `${below}[]`) : [])];
  });
}

function typeOf(field: StructuralSchema): string {
  if (field["x-kubernetes-int-or-string"] === true) return "quantity";
  if (field.items) return `${typeOf(field.items)}[]`;
  if (field.additionalProperties) return `map of ${typeOf(field.additionalProperties)}`;
  return field.format === undefined ? field.type! : `${field.type} ${field.format}`;
}
