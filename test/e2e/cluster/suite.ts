import { footprint } from "#test/e2e/cluster/checks/footprint.ts";
import { installed } from "#test/e2e/cluster/checks/installed.ts";
import { life } from "#test/e2e/cluster/checks/life.ts";
import { wakes } from "#test/e2e/cluster/checks/wakes.ts";
import type { ClusterOptions } from "#test/e2e/cluster/options.ts";
import { openStage, type Stage } from "#test/e2e/cluster/stage.ts";
import { suiteOf, type Scenario, type Suite } from "#test/e2e/scenario.ts";

/** In the order they are played; the last one uninstalls. */
const scenarios: readonly Scenario<Stage>[] = [installed, life, wakes, footprint];

/** capfn installed on a real cluster by Helm, with its functions where the runner has them. */
export function clusterSuite(options: ClusterOptions): Suite {
  return suiteOf({
    name: "cluster",
    summary: "capfn installed on a real cluster by Helm, with a simulated Harvester in it",
    open: (host) => openStage(host, options),
    scenarios,
  });
}
