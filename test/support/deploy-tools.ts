import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached } from "#platform/control-plane/asset-cache.ts";
import { buildGoProgram, type GoProgram } from "#platform/control-plane/go-build.ts";
import { testHost } from "#test/support/control-planes.ts";

/** The tools that people install capfn with, or check what they install. */
export type DeployTool = "helm" | "helm-3" | "helm-unittest" | "kubeconform" | "skaffold";

type Built = Omit<GoProgram, "name" | "module">;

const tools: Readonly<Record<DeployTool, Built>> = {
  helm: { package: "helm.sh/helm/v4/cmd/helm", duration: "about 3 minutes" },
  // Skaffold 2.16 asks Helm for its version in a way that Helm 4 has given up.
  "helm-3": {
    package: "helm.sh/helm/v3/cmd/helm",
    // What a chart is rendered for when no cluster is asked; releases of Helm are linked with it likewise.
    linkVariables: {
      "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
      "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "35",
    },
    duration: "about 3 minutes",
  },
  "helm-unittest": {
    package: "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
    duration: "about a minute",
  },
  kubeconform: { package: "github.com/yannh/kubeconform/cmd/kubeconform", duration: "about 10 seconds" },
  skaffold: {
    package: "github.com/GoogleContainerTools/skaffold/v2/cmd/skaffold",
    linkVariables: { "github.com/GoogleContainerTools/skaffold/v2/pkg/skaffold/version.version": "v2.16.1" },
    duration: "about 6 minutes",
  },
};

/** The program, built once from the Go module pinned beside this file: takes minutes then, so ask for it before a test's time runs. */
export async function deployTool(name: DeployTool): Promise<string> {
  const module = join(import.meta.dirname, "deploy-tools", name);
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(module, file)));
  const host = testHost();
  const key = hash.digest("hex").slice(0, 16);
  return cached(host, `bin/${name}-${key}`, (target) =>
    buildGoProgram(host, { name, module, ...tools[name] }, target),
  );
}

/** How a tool ended, and what it said. */
export interface ToolRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = promisify(execFile);
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Runs a tool to its end, in the repository's root; no exit code is an error. */
export async function runTool(
  name: DeployTool,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ToolRun> {
  const options = {
    cwd: join(import.meta.dirname, "../.."),
    env: { ...process.env, ...environment },
    maxBuffer: MOST_OUTPUT_BYTES,
  };
  try {
    return { code: 0, ...(await run(await deployTool(name), [...args], options)) };
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as Partial<ToolRun>;
    if (typeof code !== "number") throw error;
    return { code, stdout, stderr };
  }
}
