import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import * as z from "zod";

import { generatedFiles } from "#cli/generate/index.ts";
import { structuralSchema } from "#cli/generate/structural-schema.ts";
import { drift, writeGenerated } from "#cli/generate/write.ts";

const repository = join(import.meta.dirname, "../../..");
const files = generatedFiles();

describe("generated files", () => {
  it("in the repository are those the schemas give: run `capfn generate` when this fails", async () => {
    expect(await drift(repository, files)).toEqual([]);
  });

  it("are the only files in manifests/crds, one a kind", async () => {
    const crds = [...files.keys()].filter((path) => path.startsWith("manifests/crds/"));
    expect(
      (await readdir(join(repository, "manifests/crds"))).map((name) => `manifests/crds/${name}`).sort(),
    ).toEqual(crds.sort());
    expect(crds).toHaveLength(9);
  });

  it("say that they are generated, and are YAML without aliases", () => {
    for (const [path, content] of files) {
      if (path === "chart/templates/NOTES.txt") continue;
      expect(content.split("\n").slice(0, 2).join()).toContain("Do not edit");
      if (!path.endsWith(".yaml")) continue;
      expect(content).not.toMatch(/[&*]a\d+/);
      if (!/^manifests\/(crds|rbac)\//.test(path)) continue;
      const kind = path.startsWith("manifests/rbac/") ? "ClusterRole" : "CustomResourceDefinition";
      const kinds = parseAllDocuments(content).map(
        (document) => z.looseObject({ kind: z.string() }).parse(document.toJS()).kind,
      );
      expect(kinds).toContain(kind);
    }
  });
});

describe("the rights for Cluster API's manager", () => {
  it("are found by its aggregating role, and cover what a MachineHealthCheck makes and reads", () => {
    const role = parse(files.get("manifests/rbac/external-remediation.yaml")!);
    expect(role).toMatchObject({
      metadata: { labels: { "cluster.x-k8s.io/aggregate-to-manager": "true" } },
      rules: [
        { apiGroups: ["capfn.dev"], resources: ["machineremediations", "machineremediationtemplates"] },
      ],
    });
    expect(role.rules[0].verbs).toEqual(expect.arrayContaining(["get", "list", "watch", "create", "delete"]));
  });
});

describe("writing generated files", () => {
  const folders: string[] = [];
  const emptyFolder = async () => {
    const folder = await mkdtemp(join(tmpdir(), "capfn-generate-"));
    folders.push(folder);
    return folder;
  };
  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
  });

  it("touches what differs and nothing else", async () => {
    const root = await emptyFolder();
    const files = new Map([
      ["manifests/crds/a.yaml", "a"],
      ["docs/reference/a.md", "a"],
    ]);
    expect(await writeGenerated(root, files)).toEqual(["docs/reference/a.md", "manifests/crds/a.yaml"]);
    expect(await writeGenerated(root, files)).toEqual([]);
    await writeFile(join(root, "docs/reference/a.md"), "edited");
    expect(await drift(root, files)).toEqual(["docs/reference/a.md"]);
    expect(await writeGenerated(root, files)).toEqual(["docs/reference/a.md"]);
  });

  it("removes a manifest that is no longer generated", async () => {
    const root = await emptyFolder();
    await writeGenerated(root, new Map([["manifests/crds/old.yaml", "old"]]));
    const files = new Map([["manifests/crds/new.yaml", "new"]]);
    expect(await drift(root, files)).toEqual(["manifests/crds/new.yaml", "manifests/crds/old.yaml"]);
    expect(await writeGenerated(root, files)).toEqual(["manifests/crds/new.yaml", "manifests/crds/old.yaml"]);
    expect(await readdir(join(root, "manifests/crds"))).toEqual(["new.yaml"]);
  });
});

describe("rendering a schema", () => {
  const purpose = { version: "v1beta1" } as const;

  it("refuses what a CRD cannot say, naming the field", () => {
    const union = z.looseObject({ spec: z.looseObject({ size: z.union([z.string(), z.boolean()]) }) });
    expect(() => structuralSchema(union, purpose)).toThrow(/spec\.size/);
    const literal = z.looseObject({ spec: z.string().meta({ exclusiveMinimum: 3 }) });
    expect(() => structuralSchema(literal, purpose)).toThrow(/spec.*exclusiveMinimum/);
  });

  it("drops the bounds a number's type implies and keeps those somebody chose", () => {
    const numbers = z.looseObject({ any: z.int(), small: z.int32(), port: z.int().min(1).max(65535) });
    expect(structuralSchema(numbers, purpose).properties).toEqual({
      any: { type: "integer" },
      small: { type: "integer", format: "int32" },
      port: { type: "integer", minimum: 1, maximum: 65535 },
    });
  });
});
