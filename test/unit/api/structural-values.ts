import * as fc from "fast-check";

import type { StructuralSchema } from "#cli/generate/structural-schema.ts";

const quantities = fc.oneof(
  fc.nat({ max: 100 }),
  fc
    .tuple(fc.nat({ max: 4096 }), fc.constantFrom("", "Mi", "Gi", "G", "m", "e3"))
    .map(([number, suffix]) => `${number}${suffix}`),
);

/** Objects, or parts of them, that a structural schema accepts; optional fields come and go. */
export function valuesOf(schema: StructuralSchema): fc.Arbitrary<unknown> {
  if (schema["x-kubernetes-int-or-string"] === true) return fitting(quantities, schema.pattern);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const { type = "string" } = schema;
  switch (type) {
    case "object":
      return schema.additionalProperties ? maps(schema.additionalProperties) : objects(schema);
    case "array":
      return arrays(schema, schema.items ?? {});
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({
        min: numberOf(schema, "minimum") ?? -1000,
        max: numberOf(schema, "maximum") ?? 100_000,
      });
    default:
      return strings(schema);
  }
}

function objects(schema: StructuralSchema): fc.Arbitrary<unknown> {
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, field]) => [name, valuesOf(field)] as const,
  );
  const records = fc.record(Object.fromEntries(fields), { requiredKeys: [...(schema.required ?? [])] });
  const least = numberOf(schema, "minProperties") ?? 0;
  return records.filter((record) => Object.keys(record).length >= least);
}

function arrays(schema: StructuralSchema, items: StructuralSchema): fc.Arbitrary<unknown> {
  const minLength = numberOf(schema, "minItems") ?? 0;
  const keys = schema["x-kubernetes-list-map-keys"];
  if (!Array.isArray(keys)) return fc.array(valuesOf(items), { minLength, maxLength: minLength + 2 });
  const selector = (item: unknown) =>
    JSON.stringify(keys.map((key) => (item as Record<string, unknown>)[String(key)]));
  return fc.uniqueArray(valuesOf(items), { minLength, maxLength: 3, selector });
}

function maps(values: StructuralSchema): fc.Arbitrary<unknown> {
  return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), valuesOf(values), {
    maxKeys: 3,
    noNullPrototype: true,
  });
}

function strings(schema: StructuralSchema): fc.Arbitrary<string> {
  if (schema.format === "date-time") {
    return fc.nat({ max: 2_000_000_000 }).map((s) => new Date(s * 1000).toISOString().replace(".000Z", "Z"));
  }
  const { pattern } = schema;
  const length = { minLength: numberOf(schema, "minLength") ?? 0, maxLength: 20 };
  if (pattern === undefined) return fc.string(length);
  const words = [
    /^[A-Z][A-Za-z]{0,20}$/,
    /^[0-9a-f]{1,20}$/,
    /^[a-z]{1,9}\.[a-z]{1,9}$/,
    /^(harvester|workload)\/[a-z]{1,9}\/[a-z]{1,9}$/,
  ].map((word) => fc.stringMatching(word));
  return fc.oneof(quantities.map(String), ...words).filter((text) => new RegExp(pattern).test(text));
}

/** The pattern of an integer or string holds for strings only. */
function fitting<T>(values: fc.Arbitrary<T>, pattern: string | undefined): fc.Arbitrary<T> {
  return values.filter(
    (value) => typeof value !== "string" || pattern === undefined || new RegExp(pattern).test(value),
  );
}

function numberOf(schema: StructuralSchema, keyword: string): number | undefined {
  const value = schema[keyword];
  return typeof value === "number" ? value : undefined;
}

/** What the API server keeps of a value: the fields its schema knows (Kubernetes documentation, "Field pruning"). */
export function pruned(schema: StructuralSchema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => pruned(schema.items ?? {}, item));
  if (typeof value !== "object" || value === null || !schema.properties) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, field]) => {
      const known = schema.properties?.[name];
      return known ? [[name, pruned(known, field)]] : [];
    }),
  );
}
