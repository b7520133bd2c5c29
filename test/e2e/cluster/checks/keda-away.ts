import { up } from "#cli/demo/witness.ts";
import { available } from "#test/e2e/cluster/components/install.ts";
import { untilAsleep } from "#test/e2e/cluster/checks/installed.ts";
import { ACT_MS, scaled, watched, withWorkers } from "#test/e2e/cluster/checks/workers.ts";
import { podsOf } from "#test/e2e/cluster/pods.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import { sleep } from "#platform/process/clock.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { until } from "#test/e2e/until.ts";

/** How long KEDA is away while there is work, ms. */
const AWAY_MS = 15_000;

/** What scales is away while there is work: the work waits, and nothing of it is lost. */
export const kedaAway: Scenario<Stage> = {
  name: "keda-away",
  summary: "KEDA's operator is gone while machines are asked for; they are made when it is back",
  play: async (stage) => {
    const { cluster, host } = stage;
    await withWorkers(stage, 1);
    await untilAsleep(stage);
    const operator = (replicas: number): Promise<string> =>
      cluster.kubectl("scale", "deployment/keda-operator", "--namespace", "keda", `--replicas=${replicas}`);
    await operator(0);
    try {
      await until(
        "KEDA's operator is gone",
        async () =>
          !(await podsOf(cluster, "", "keda")).some(({ metadata }) =>
            metadata.name.startsWith("keda-operator-"),
          ),
      );
      await scaled(stage, 2);
      await sleep(host.clock, AWAY_MS);
    } finally {
      await operator(1);
    }
    const since = host.clock.monotonic();
    await available(cluster, "keda");
    await watched(stage, (witness) => witness.until("two workers are up", up(2), ACT_MS));
    const took = ((host.clock.monotonic() - since) / 1000).toFixed(1);
    await withWorkers(stage, 1);
    return `away for ${AWAY_MS / 1000} s; the second worker has joined ${took} s after it was asked back`;
  },
};
