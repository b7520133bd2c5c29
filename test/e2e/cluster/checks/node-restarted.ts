import { available } from "#test/e2e/cluster/components/install.ts";
import { untilAsleep } from "#test/e2e/cluster/checks/installed.ts";
import { scaled, withWorkers } from "#test/e2e/cluster/checks/workers.ts";
import { CAPFN_NAMESPACE } from "#test/e2e/cluster/helm.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { until } from "#test/e2e/until.ts";

/** The only node loses its power: API server, etcd, hub and functions at once. */
export const nodeRestarted: Scenario<Stage> = {
  name: "node-restarted",
  summary: "the only node is restarted with all that is on it; machines are made afterwards as before",
  play: async (stage) => {
    const { cluster, host } = stage;
    const { node } = cluster;
    if (node === undefined) return "not done: the node of a given cluster is not ours to restart";
    await withWorkers(stage, 1);
    const since = host.clock.monotonic();
    const seconds = (): string => ((host.clock.monotonic() - since) / 1000).toFixed(1);
    await node.docker("restart", "--time", "5", node.name);
    await until(
      "the API server answers",
      () =>
        cluster.kubectl("get", "--raw", "/readyz").then(
          () => true,
          () => false,
        ),
      300_000,
    );
    const api = seconds();
    // Deployments say that they are available until somebody has noticed that they are not: who asks is answered when webhooks are reached again.
    await until(
      "machines can be asked for",
      () =>
        scaled(stage, 3).then(
          () => true,
          () => false,
        ),
      300_000,
    );
    await withWorkers(stage, 3);
    const machines = seconds();
    await available(cluster, CAPFN_NAMESPACE);
    await withWorkers(stage, 1);
    if (stage.runner !== "in-process") await untilAsleep(stage);
    return `the API server answers after ${api} s, two more workers have joined after ${machines} s`;
  },
};
