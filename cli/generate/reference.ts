import { admissionPolicies } from "#api/admission/policies.ts";
import type { CustomResource } from "#api/custom-resource.ts";
import { customResources } from "#api/custom-resources.ts";
import { infrastructureGroup } from "#api/names.ts";
import { quantityPattern } from "#api/quantity.ts";
import {
  fieldNotes,
  structuralSchema,
  type FieldNotes,
  type StructuralSchema,
} from "#cli/generate/structural-schema.ts";

/** Reference pages by path from the repository's root, one a kind. */
export function generateReference(): Map<string, string> {
  return new Map(customResources.map((resource) => [referencePath(resource.kind), referencePage(resource)]));
}

function referencePath(kind: string): string {
  return `docs/reference/${fileName(kind)}`;
}

function fileName(kind: string): string {
  return `${kind.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase()}.md`;
}

function referencePage(resource: CustomResource): string {
  const { properties = {} } = structuralSchema(resource.schema, { version: resource.group.stored });
  const notes = fieldNotes(resource.schema);
  const sections = ["spec", "status"].flatMap((part) => {
    const schema = properties[part];
    return schema === undefined
      ? []
      : [`## ${part}`, schema.description ?? "", ...fieldTable(part, schema, notes)];
  });
  return [
    '<!-- Generated from the schemas in api/ by "capfn generate". Do not edit. -->',
    `# ${resource.kind}`,
    resource.description,
    ...overview(resource),
    ...sections,
    ...columnTable(resource),
  ]
    .join("\n\n")
    .concat("\n");
}

function overview(resource: CustomResource): string[] {
  const { name, served, stored } = resource.group;
  const versions = served.map((version) => `\`${version}\`${version === stored ? " (stored)" : ""}`);
  const short = resource.shortNames.map((name) => `\`${name}\``);
  return [
    [
      versions.length > 1
        ? `- Group \`${name}\`, versions ${versions.join(", ")}; the versions hold the same fields, but for some nobody writes.`
        : `- Group \`${name}\`, version ${versions.join()}.`,
      `- Plural \`${resource.plural}\`${short.length > 0 ? `, short name ${short.join(", ")}` : ""}, namespaced.`,
      ...(name === infrastructureGroup
        ? ['- Fields marked "addition" are new in capfn and absent by default.']
        : []),
      ...(admissionPolicies.some(({ kind }) => kind === resource.kind)
        ? ["- What is refused beyond the types here is in the [rules of admission](admission.md)."]
        : []),
    ].join("\n"),
  ];
}

function fieldTable(part: string, schema: StructuralSchema, notes: Map<string, FieldNotes>): string[] {
  const rows = [...fieldsBelow(schema, part)].map(({ path, field, required }) => {
    const { examples = [], addition = false } = notes.get(path) ?? {};
    const meaning = `${field.description ?? ""}${addition ? " (addition)" : ""}`;
    const example = examples
      .map((value) => `\`${typeof value === "string" ? value : JSON.stringify(value)}\``)
      .join(", ");
    const cells = [
      `\`${path.slice(part.length + 1)}\``,
      typeName(field),
      required ? "yes" : "",
      rules(field),
      meaning,
      example,
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return [
    ["| Field | Type | Required | Rules | Meaning | Example |", "|---|---|---|---|---|---|", ...rows].join(
      "\n",
    ),
  ];
}

interface Field {
  readonly path: string;
  readonly field: StructuralSchema;
  readonly required: boolean;
}

function* fieldsBelow(schema: StructuralSchema, path: string): Generator<Field> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const below = `${path}.${name}`;
    yield { path: below, field, required: schema.required?.includes(name) ?? false };
    yield* fieldsBelow(field, below);
    if (field.items !== undefined) yield* fieldsBelow(field.items, `${below}[]`);
  }
}

function typeName(field: StructuralSchema): string {
  if (field["x-kubernetes-int-or-string"] === true)
    return field.pattern === quantityPattern ? "quantity" : "integer or string";
  if (field.items !== undefined) return `list of ${typeName(field.items)}s`;
  if (field.additionalProperties !== undefined) return `map of ${typeName(field.additionalProperties)}s`;
  return field.type ?? "any";
}

function rules(field: StructuralSchema): string {
  const said = [
    field.enum === undefined ? undefined : field.enum.map((value) => `\`${value}\``).join(" or "),
    range(field["minimum"], field["maximum"], ""),
    range(field["minLength"], field["maxLength"], " characters"),
    range(field["minItems"], field["maxItems"], " entries"),
    range(field["minProperties"], undefined, " fields"),
    field["x-kubernetes-list-type"] === "map"
      ? `unique by \`${String(field["x-kubernetes-list-map-keys"])}\``
      : undefined,
  ];
  return said.filter((text) => text !== undefined).join(", ");
}

function range(least: unknown, most: unknown, unit: string): string | undefined {
  if (typeof least === "number" && typeof most === "number") return `${least} to ${most}${unit}`;
  if (typeof most === "number") return `at most ${most}${unit}`;
  if (typeof least !== "number") return undefined;
  return least === 1 && unit !== "" ? "not empty" : `at least ${least}${unit}`;
}

function columnTable(resource: CustomResource): string[] {
  const rows = resource.columns.map(
    ({ name, description, priority }) =>
      `| ${name} | ${description} | ${priority > 0 ? "with `-o wide`" : "always"} |`,
  );
  return ["## kubectl get", ["| Column | Meaning | Shown |", "|---|---|---|", ...rows].join("\n")];
}
