import { stringify } from "yaml";
import * as z from "zod";
import { chartValues } from "#cli/generate/chart/values.ts";

const schemaNode = z.looseObject({
  description: z.string().optional(),
  default: z.unknown().optional(),
  properties: z.record(z.string(), z.looseObject({})).optional(),
});

/** `values.schema.json`: Helm refuses values that do not fit it and names the key (Helm documentation, "Schema Files"). */
export function valuesSchema(): string {
  const schema = z.toJSONSchema(chartValues, { target: "draft-7", io: "input", reused: "inline" });
  const rules = [
    rule(
      { ingress: { properties: { enabled: { const: true } }, required: ["enabled"] } },
      { ingress: { required: ["config"] } },
    ),
    rule({ replicas: { minimum: 2 } }, { leaderElect: { const: true } }),
  ];
  const title = 'Generated from cli/generate/chart/values.ts by "npm run generate". Do not edit.';
  return `${JSON.stringify({ title, ...withoutRequired(schema), allOf: rules }, null, 2)}\n`;
}

/** Where the values have these properties, they must have those. Said by `else`: an object with a key `then` would look like a promise. */
function rule(condition: Record<string, object>, consequence: Record<string, object>): object {
  const given = { properties: condition, required: Object.keys(condition) };
  return { if: { not: given }, else: { properties: consequence } };
}

/** `values.yaml`: every key with its default, below what it is about. */
export function valuesText(): string {
  const schema = z.toJSONSchema(chartValues, { target: "draft-7", io: "input", reused: "inline" });
  return [
    '# Generated from cli/generate/chart/values.ts by "npm run generate". Do not edit.',
    ...lines(schema, ""),
    "",
  ].join("\n");
}

function lines(schema: unknown, indent: string): string[] {
  return Object.entries(schemaNode.parse(schema).properties ?? {}).flatMap(([key, child]) => {
    const { description = "", default: value, properties } = schemaNode.parse(child);
    const comment = description === "" ? [] : wrapped(description, `${indent}# `);
    const spaced = indent === "" ? ["", ...comment] : comment;
    if (value !== undefined) return [...spaced, ...entry(key, value, indent)];
    if (properties === undefined) return [];
    // What has no default is only hinted at.
    if (isWholly(child)) return [...spaced, `${indent}# ${key}: {}`];
    return [...spaced, `${indent}${key}:`, ...lines(child, `${indent}  `)];
  });
}

/** An object that is given as a whole, or not at all. */
function isWholly(schema: object): boolean {
  return "required" in schema && z.array(z.string()).parse(schema.required).includes("senders");
}

function entry(key: string, value: unknown, indent: string): string[] {
  return stringify({ [key]: value }, { lineWidth: 0, aliasDuplicateObjects: false })
    .trimEnd()
    .split("\n")
    .map((line) => `${indent}${line}`);
}

function wrapped(about: string, prefix: string): string[] {
  const rows = [""];
  for (const word of about.split(" ")) {
    const row = rows.at(-1) ?? "";
    if (row !== "" && prefix.length + row.length + word.length > 118) rows.push(word);
    else rows[rows.length - 1] = row === "" ? word : `${row} ${word}`;
  }
  return rows.map((row) => `${prefix}${row}`);
}

/** Keys of groups may be left out: `values.yaml` has them. Within the configuration of the ingress what is needed stays needed. */
function withoutRequired(schema: object): object {
  const {
    properties,
    required: _required,
    ...rest
  } = z
    .looseObject({
      properties: z.record(z.string(), z.looseObject({})).optional(),
      required: z.unknown().optional(),
    })
    .parse(schema);
  if (properties === undefined) return rest;
  return {
    ...rest,
    properties: Object.fromEntries(
      Object.entries(properties).map(([key, child]) => [key, withoutRequired(child)]),
    ),
  };
}
