import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { appearance, change, done, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { confirmDeletion, type ClusterReads } from "#functions/harvester/deletion-guard.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { onHarvester, type HarvesterScope } from "#functions/harvester/machine-scope.ts";
import { isOurs } from "#functions/harvester/ownership.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { virtualMachineView } from "#platform/harvester/virtual-machine.ts";
import { virtualMachines } from "#platform/kube/resources.ts";

const VM_TIMEOUT_MS = 10 * 60_000;

/**
 * Makes sure by quorum reads that the machine is one whose deletion was asked for, and that its VM answers 404: only then may another have its
 * addresses. Undefined: go on. Otherwise the outcome to end the step with.
 *
 * @throws KubeError when an API server does not answer.
 */
export async function confirmVmGone(
  item: StepEvent<HarvesterMachineBody, HarvesterScope>,
  deps: Deps,
  clusterReads: ClusterReads = new Map(),
): Promise<Outcome | undefined> {
  const { object, related } = item;
  const at = onHarvester(object, related.harvesterCluster);
  const identity = related.harvesterCluster?.spec.identitySecret;
  const [stop, vm] = await Promise.all([
    confirmDeletion(deps, item, clusterReads),
    at && identity && freshLook(await deps.harvester(identity), virtualMachineView, at),
  ]);
  if (stop !== undefined) return stop;
  if (at === undefined) return done();
  if (vm === undefined || !isOurs(vm, object)) return undefined;
  // What the hub saw is older than the answer: its news of the VM ends the wait.
  const news =
    related.vm === undefined ? appearance(virtualMachines, at) : change(virtualMachines, related.vm);
  return waitFor([news], {
    timeoutMs: VM_TIMEOUT_MS,
    reason: "the VM still exists; its address is given back when it is gone",
  });
}
