import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { cached } from "#platform/control-plane/asset-cache.ts";
import { type GoModule, readModule } from "#platform/control-plane/module-zip.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { testHost } from "#test/support/control-planes.ts";

/** Where definitions are: in files of a Go module. */
export interface CrdSource {
  readonly module: GoModule;
  readonly files: RegExp;
}

/** What manifests and chart refer to, as its makers publish it. */
const sources: readonly CrdSource[] = [
  {
    module: {
      path: "github.com/kedacore/keda/v2",
      version: "v2.21.0",
      sum: "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
    },
    files: /^config\/crd\/bases\/keda\.sh_scaledobjects\.yaml$/,
  },
  {
    module: {
      path: "knative.dev/serving",
      version: "v0.50.0",
      sum: "h1:9XUQq2yqUPN1YZUuGH6nF8IMvuumNvGXzCrSTYu44bA=",
    },
    files: /^config\/core\/300-resources\/service\.yaml$/,
  },
  {
    module: {
      path: "knative.dev/eventing",
      version: "v0.50.0",
      sum: "h1:4GSn7yyMLgpGUqU0vZjcyFKK0vSi3TtZXPVzb7HW7Ds=",
    },
    files: /^config\/core\/resources\/(broker|trigger|apiserversource)\.yaml$/,
  },
  {
    module: {
      path: "github.com/prometheus-operator/prometheus-operator",
      version: "v0.85.0",
      sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    },
    files:
      /^example\/prometheus-operator-crd\/monitoring\.coreos\.com_(servicemonitors|podmonitors|prometheusrules)\.yaml$/,
  },
];

/** CustomResourceDefinitions of KEDA, Knative Serving and Eventing, and the Prometheus operator. */
export async function runnerCrds(): Promise<NewObject[]> {
  return (await Promise.all(sources.map(crdsOf))).flat();
}

/** The definitions as they are in the module, read once and then from the cache. */
export async function crdsOf({ module, files }: CrdSource): Promise<NewObject[]> {
  const host = testHost();
  const name = `${module.path.replaceAll("/", "-")}-${module.version}`;
  const path = await cached(host, join("manifests", `${name}-crds.json`), async (target) => {
    const found: unknown[] = [];
    await readModule(host, module, (file, content) => {
      if (!files.test(file)) return;
      const documents = parseAllDocuments(Buffer.from(content).toString("utf8"));
      found.push(
        ...documents.map((document) => document.toJS() as unknown).filter((value) => value !== null),
      );
    });
    if (found.length === 0) throw new Error(`${module.path} ${module.version} has no such definitions`);
    await writeFile(target, JSON.stringify(found));
  });
  return JSON.parse(await readFile(path, "utf8")) as NewObject[];
}
