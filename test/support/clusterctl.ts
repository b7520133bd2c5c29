import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { findBinary } from "#platform/control-plane/assets.ts";
import { clusterApiCrds } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { testHost } from "#test/support/control-planes.ts";
import type { ToolRun } from "#test/support/deploy-tools.ts";
import { repository } from "#test/support/documentation.ts";

/** The real clusterctl, with repositories on this machine, and no way to others. */
export interface Clusterctl extends AsyncDisposable {
  /** Runs it to its end; no exit code is an error. */
  run(args: readonly string[], variables?: Readonly<Record<string, string>>): Promise<ToolRun>;
  /** Puts the files of `manifests/clusterctl` into the repository as this version of capfn. */
  release(version: string): Promise<void>;
  withdraw(version: string): Promise<void>;
}

/** The version that clusterctl is configured with. */
export const RELEASED = "v0.1.0";

const CORE = "v1.14.2";
const execute = promisify(execFile);

/**
 * Sets clusterctl up for one management cluster. Its repositories hold capfn as `manifests/clusterctl` has it, and Cluster API core without its
 * manager: nothing would run that.
 */
export async function clusterctlFor(plane: ControlPlane): Promise<Clusterctl> {
  const program = await findBinary(testHost(), "clusterctl");
  const folder = await mkdtemp(join(tmpdir(), "capfn-clusterctl-"));
  const repositories = join(folder, "repositories");
  const core = join(repositories, "cluster-api", CORE, "core-components.yaml");
  await writeCore(core);
  const folderOf = (version: string): string => join(repositories, "infrastructure-harvester", version);
  const release = (version: string): Promise<void> =>
    cp(join(repository, "manifests", "clusterctl"), folderOf(version), { recursive: true });
  await release(RELEASED);
  const own = join(folderOf(RELEASED), "infrastructure-components.yaml");
  const providers = [
    { name: "cluster-api", type: "CoreProvider", url: `file://${core}` },
    { name: "harvester", type: "InfrastructureProvider", url: `file://${own}` },
  ];
  await mkdir(join(folder, "cluster-api"));
  await writeFile(join(folder, "cluster-api", "clusterctl.yaml"), stringify({ providers }));
  const environment = {
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    KUBECONFIG: plane.kubeconfigPath,
    CLUSTERCTL_DISABLE_VERSIONCHECK: "true",
    GOPROXY: "off",
  };
  return {
    run: async (args, variables = {}) => {
      const options = { cwd: folder, env: { ...environment, ...variables }, maxBuffer: 64 * 1024 * 1024 };
      try {
        return { code: 0, ...(await execute(program, [...args], options)) };
      } catch (error) {
        const { code, stdout = "", stderr = "" } = error as Partial<ToolRun>;
        if (typeof code !== "number") throw error;
        return { code, stdout, stderr };
      }
    },
    release,
    withdraw: (version) => rm(folderOf(version), { recursive: true }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function writeCore(path: string): Promise<void> {
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "capi-system" } };
  const objects = [namespace, ...(await clusterApiCrds(testHost()))];
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, objects.map((object) => stringify(object)).join("---\n"));
  const metadata = {
    apiVersion: "clusterctl.cluster.x-k8s.io/v1alpha3",
    kind: "Metadata",
    releaseSeries: [{ major: 1, minor: 14, contract: "v1beta2" }],
  };
  await writeFile(join(path, "..", "metadata.yaml"), stringify(metadata));
}
