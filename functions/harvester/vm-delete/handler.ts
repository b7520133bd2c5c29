import type { Deps, ObjectIdentity, StepClient } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import {
  appearance,
  change,
  done,
  requeueAfter,
  waitFor,
  type Outcome,
} from "#functions/contract/outcome.ts";
import { confirmDeletion, deletionStop, stopped } from "#functions/harvester/deletion-guard.ts";
import type { HarvesterScope } from "#functions/harvester/machine-scope.ts";
import { abandonReason } from "#functions/harvester/deletion-step.ts";
import { removeFinalizers } from "#functions/harvester/finalizer.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { claimRefs, ownClaims, readClaims } from "#functions/harvester/machine-claims.ts";
import { onHarvester } from "#functions/harvester/machine-scope.ts";
import { isOurs } from "#functions/harvester/ownership.ts";
import { abandonMachine } from "#functions/harvester/vm-delete/abandon.ts";
import { deleteLeftovers } from "#functions/harvester/vm-delete/leftovers.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { virtualMachineView, type VirtualMachine } from "#platform/harvester/virtual-machine.ts";
import { harvesterMachines, virtualMachines } from "#platform/kube/resources.ts";
import type { ObjectRef, Seen } from "#platform/kube/view.ts";

type Event = StepEvent<HarvesterMachineBody, HarvesterScope>;

const STOPPING_TIMEOUT_MS = 10 * 60_000;
/** Another step withdraws claims, as soon as the index knows them. */
const CLAIMS_MS = 5_000;

/**
 * One step of a machine's deletion: the VM first, everything else once it answers 404. KubeVirt keeps a VM until its instance has stopped, so a
 * VM that is gone runs no more. Every step is told from the world; nothing is remembered between them.
 */
export async function deleteMachine(event: Event, deps: Deps): Promise<Outcome> {
  if (abandonReason(event.object) !== undefined) return abandonMachine(event, deps);
  const stop = deletionStop(event);
  if (stop !== undefined) return stopped(stop);
  const { harvesterCluster } = event.related;
  const at = onHarvester(event.object, harvesterCluster);
  if (harvesterCluster === undefined || at === undefined) return done();
  try {
    const harvester = await deps.harvester(harvesterCluster.spec.identitySecret);
    return await deleteOnHarvester(harvester, at, event, deps);
  } catch (error) {
    deps.count("caphv_machine_delete_errors_total");
    throw error;
  }
}

async function deleteOnHarvester(
  harvester: StepClient,
  at: ObjectRef,
  event: Event,
  deps: Deps,
): Promise<Outcome> {
  const { object, related } = event;
  const seen = related.vm !== undefined && isOurs(related.vm, object) ? related.vm : undefined;
  const [stop, vm] = await Promise.all([
    confirmDeletion(deps, event),
    seen ?? freshLook(harvester, virtualMachineView, at),
  ]);
  if (stop !== undefined) return stop;
  const identity: ObjectIdentity = { type: harvesterMachines, meta: object.meta };
  if (vm !== undefined && isOurs(vm, object)) {
    await deleteVm(harvester, vm, identity, deps);
    const news =
      related.vm === undefined ? appearance(virtualMachines, at) : change(virtualMachines, related.vm);
    return waitFor([news], {
      timeoutMs: STOPPING_TIMEOUT_MS,
      reason: `VM ${at.namespace ?? ""}/${at.name} is stopping`,
    });
  }
  if (vm !== undefined) {
    deps.announce(identity, {
      type: "Warning",
      reason: "VMNotOwned",
      message: `VM ${at.namespace ?? ""}/${at.name} belongs to another owner and is left alone`,
    });
  }
  const claims = await readClaims(deps, claimRefs(object, related.harvesterCluster));
  if (ownClaims(object, { claims: claims ?? [] }).length > 0)
    return requeueAfter(CLAIMS_MS, "IPAddressClaims of the machine are not withdrawn yet");
  await deleteLeftovers(harvester, object, { namespace: at.namespace ?? "", nameTaken: vm !== undefined });
  await removeFinalizers(deps, object);
  deps.count("caphv_machine_delete_total");
  deps.announce(identity, {
    type: "Normal",
    reason: "MachineDeleted",
    message: `nothing of the machine is left in namespace ${at.namespace ?? ""} on Harvester`,
  });
  return done();
}

async function deleteVm(
  harvester: StepClient,
  vm: Seen<VirtualMachine>,
  machine: ObjectIdentity,
  deps: Deps,
): Promise<void> {
  const { namespace, name, uid, deletionTimestamp } = vm.meta;
  if (deletionTimestamp !== undefined) return;
  await harvester.delete(virtualMachines, { namespace, name }, { uid });
  deps.announce(machine, {
    type: "Normal",
    reason: "VMDeleting",
    message: `deletion of VM ${namespace ?? ""}/${name} is asked for`,
  });
}
