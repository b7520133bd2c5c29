import { join } from "node:path";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { run } from "#test/e2e/cluster/machine/command.ts";
import type { Cluster } from "#test/e2e/cluster/machine/cluster.ts";
import { clusterProgram } from "#test/e2e/cluster/programs.ts";

/** Namespace and name of the release. */
export const CAPFN_NAMESPACE = "capfn-system";
const RELEASE = "capfn";

/** The chart in the repository. */
const chart = join(import.meta.dirname, "..", "..", "..", "chart");

/** The real Helm, on the cluster and the one release. */
export interface Helm {
  /** Installs the chart, or upgrades to these values, and waits until what it made is ready. */
  upgrade(values: Readonly<Record<string, string>>): Promise<void>;
  /** Back to what an earlier revision was. */
  rollback(revision: number): Promise<void>;
  uninstall(): Promise<void>;
  /** Number of the newest revision. */
  revision(): Promise<number>;
}

export async function openHelm(
  host: ControlPlaneHost,
  cluster: Pick<Cluster, "kubeconfigPath" | "directory">,
): Promise<Helm> {
  const program = await clusterProgram(host, "helm");
  const own = (folder: string): string => join(cluster.directory, "helm", folder);
  const variables = {
    KUBECONFIG: cluster.kubeconfigPath,
    // Nothing of a person's own Helm is read or written.
    HELM_CACHE_HOME: own("cache"),
    HELM_CONFIG_HOME: own("config"),
    HELM_DATA_HOME: own("data"),
  };
  const helm = (...args: readonly string[]): Promise<string> =>
    run(program, [...args, "--namespace", CAPFN_NAMESPACE], { variables });
  const wait = ["--wait", "--timeout", "5m"];
  return {
    upgrade: async (values) => {
      const set = Object.entries(values).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
      await helm("upgrade", "--install", RELEASE, chart, ...set, ...wait);
    },
    rollback: async (revision) => {
      await helm("rollback", RELEASE, String(revision), ...wait);
    },
    uninstall: async () => {
      await helm("uninstall", RELEASE, ...wait);
    },
    revision: async () => {
      const history: unknown = JSON.parse(await helm("history", RELEASE, "--output", "json"));
      return Math.max(...(history as { revision: number }[]).map(({ revision }) => revision));
    },
  };
}
