import { mkdir, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { join } from "node:path";
import * as z from "zod";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import type { NewObject } from "#platform/kube/resource.ts";

const crdSchema = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(z.object({ name: z.string(), served: z.boolean() })),
  }),
});

type Json = { readonly [key: string]: unknown };

/**
 * Writes the schemas of every kind an API server knows, built in or defined, as kubeconform takes them: one file a kind below `folder`,
 * with every field that is not in the schema refused. Answers the `-schema-location` for them. An API server publishes what is newly
 * defined after a while: it waits for that of `crds`.
 */
export async function writeKubeSchemas(
  plane: ControlPlane,
  folder: string,
  crds: readonly NewObject[],
): Promise<string> {
  const groups = await untilPublished(plane, crds.flatMap(published));
  for (const group of groups) {
    const { components } = (await fetched(plane, `/openapi/v3/${group}`)) as {
      components?: { schemas: Record<string, Json> };
    };
    const definitions = Object.fromEntries(
      Object.entries(components?.schemas ?? {}).map(([name, schema]) => [name, converted(schema)]),
    );
    for (const [name, schema] of Object.entries(components?.schemas ?? {})) {
      const kinds = (schema["x-kubernetes-group-version-kind"] ?? []) as Record<
        "group" | "version" | "kind",
        string
      >[];
      const [only] = kinds;
      if (only === undefined || kinds.length > 1) continue;
      const directory = join(folder, only.group === "" ? only.version : only.group);
      await mkdir(directory, { recursive: true });
      const file = `${only.kind.toLowerCase()}_${only.version}.json`;
      await writeFile(join(directory, file), JSON.stringify({ $ref: `#/definitions/${name}`, definitions }));
    }
  }
  return join(
    folder,
    "{{ if .Group }}{{ .Group }}{{ else }}core{{ end }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json",
  );
}

/** Where what a CustomResourceDefinition defines is published, and as what kind. */
function published(crd: NewObject): { path: string; kind: string }[] {
  const { group, versions, names } = crdSchema.parse(crd).spec;
  return versions
    .filter(({ served }) => served)
    .map(({ name }) => ({ path: `apis/${group}/${name}`, kind: names.kind }));
}

async function untilPublished(
  plane: ControlPlane,
  wanted: readonly { path: string; kind: string }[],
): Promise<string[]> {
  const deadline = Date.now() + 120_000;
  while (true) {
    const { paths } = (await fetched(plane, "/openapi/v3")) as { paths: Json };
    const groups = Object.keys(paths).filter((path) => /^(api|apis\/[^/]+)\/[^/]+$/.test(path));
    const texts = new Map<string, string>();
    for (const path of new Set(wanted.map((each) => each.path)))
      if (groups.includes(path)) texts.set(path, JSON.stringify(await fetched(plane, `/openapi/v3/${path}`)));
    const missing = wanted.filter(({ path, kind }) => texts.get(path)?.includes(`"kind":"${kind}"`) !== true);
    if (missing.length === 0) return groups;
    if (Date.now() > deadline)
      throw new Error(`not published within two minutes: ${missing.map(({ kind }) => kind).join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A node of OpenAPI 3.0 as JSON Schema. */
function converted(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(converted);
  if (typeof node !== "object" || node === null) return node;
  const { default: _default, nullable, ...rest } = node as Json;
  const entries = Object.entries(rest)
    .filter(([key]) => !key.startsWith("x-kubernetes-") || key === "x-kubernetes-preserve-unknown-fields")
    .map(([key, value]) => [
      key,
      key === "$ref"
        ? String(value).replace("#/components/schemas/", "#/definitions/")
        : key === "properties"
          ? Object.fromEntries(Object.entries(value as Json).map(([name, child]) => [name, converted(child)]))
          : converted(value),
    ]);
  const schema = Object.fromEntries(entries) as Record<string, unknown>;
  if ((node as Json)["x-kubernetes-int-or-string"] === true) {
    delete schema["type"];
    schema["oneOf"] = [{ type: "integer" }, { type: "string" }];
  }
  if (
    "properties" in schema &&
    !("additionalProperties" in schema) &&
    schema["x-kubernetes-preserve-unknown-fields"] !== true
  )
    schema["additionalProperties"] = false;
  return nullable === true ? { anyOf: [schema, { type: "null" }] } : schema;
}

function fetched(plane: ControlPlane, path: string): Promise<unknown> {
  const options = { ca: plane.caPem, headers: { authorization: `Bearer ${plane.adminToken}` } };
  return new Promise((resolve, reject) => {
    get(new URL(path, plane.server), options, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(parts).toString("utf8");
        if (answer.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${path}: ${answer.statusCode} ${text.slice(0, 200)}`));
      });
    }).on("error", reject);
  });
}
