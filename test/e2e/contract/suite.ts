import { deletion } from "#test/e2e/contract/deletion.ts";
import { interruptedMove, move } from "#test/e2e/contract/move.ts";
import { paused } from "#test/e2e/contract/paused.ts";
import { quickStart } from "#test/e2e/contract/quick-start.ts";
import { remediated } from "#test/e2e/contract/remediated.ts";
import { scale } from "#test/e2e/contract/scale.ts";
import { openContract, type Contract } from "#test/e2e/contract/stage.ts";
import { topology } from "#test/e2e/contract/topology.ts";
import { twoDisks } from "#test/e2e/contract/two-disks.ts";
import { upgrade } from "#test/e2e/contract/upgrade.ts";
import { suiteOf, type Scenario } from "#test/e2e/scenario.ts";

/** Each on what those before it leave; the last takes away the cluster that all but one use. */
const scenarios: readonly Scenario<Contract>[] = [
  quickStart,
  twoDisks,
  scale,
  upgrade,
  remediated,
  paused,
  topology,
  move,
  deletion,
  interruptedMove,
];

/** capfn in the place of an infrastructure provider of Cluster API. */
export const contract = suiteOf({
  name: "contract",
  summary: "real Cluster API core, kubeadm bootstrap and control plane providers and clusterctl around capfn",
  open: openContract,
  scenarios,
});
