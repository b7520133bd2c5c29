import { footprint } from "#test/e2e/cluster/checks/footprint.ts";
import { functionKilled } from "#test/e2e/cluster/checks/function-killed.ts";
import { hubKilled } from "#test/e2e/cluster/checks/hub-killed.ts";
import { installed } from "#test/e2e/cluster/checks/installed.ts";
import { kedaAway } from "#test/e2e/cluster/checks/keda-away.ts";
import { life } from "#test/e2e/cluster/checks/life.ts";
import { nodeRestarted } from "#test/e2e/cluster/checks/node-restarted.ts";
import { readme } from "#test/e2e/cluster/checks/readme.ts";
import { rights } from "#test/e2e/cluster/checks/rights.ts";
import { skaffoldRun } from "#test/e2e/cluster/checks/skaffold-run.ts";
import { uninstalled, upgraded } from "#test/e2e/cluster/checks/upgraded.ts";
import { wakes } from "#test/e2e/cluster/checks/wakes.ts";
import type { ClusterOptions, Runner } from "#test/e2e/cluster/options.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import { openStage } from "#test/e2e/cluster/stage.ts";
import { suiteOf, type Scenario, type Suite } from "#test/e2e/scenario.ts";

/** In the order they are played: what disturbs comes after what measures. */
function scenariosOf(runner: Runner): Scenario<Stage>[] {
  return [
    installed,
    life,
    wakes,
    footprint,
    rights,
    hubKilled,
    ...(runner === "in-process" ? [] : [functionKilled]),
    ...(runner === "keda" ? [kedaAway] : []),
    upgraded,
    nodeRestarted,
    ...(runner === "in-process" ? [skaffoldRun] : []),
    uninstalled,
    ...(runner === "in-process" ? [readme] : []),
  ];
}

/** capfn installed on a real cluster by Helm, with its functions where the runner has them. */
export function clusterSuite(options: ClusterOptions): Suite {
  return suiteOf<Stage & AsyncDisposable>({
    name: "cluster",
    summary: "capfn installed on a real cluster by Helm, with a simulated Harvester in it",
    open: (host) => openStage(host, options),
    scenarios: scenariosOf(options.runner),
  });
}
