import { deletionStop } from "#functions/harvester/deletion-guard.ts";
import type { HarvesterMachineInScope } from "#functions/harvester/machine-scope.ts";
import { isHeldByUs } from "#functions/harvester/finalizer.ts";
import { isOurs } from "#functions/harvester/ownership.ts";
import { ownClaims } from "#functions/harvester/machine-claims.ts";
import { ownEntries } from "#functions/harvester/pool-entries.ts";
import { ABANDON_ANNOTATION, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * Where the deletion of a machine stands, told from the world alone, so that an interrupted one goes on where it is:
 * - `none`: deletion was not asked for, or nothing holds the machine any more
 * - `abandoned`: a person gave up what is on Harvester
 * - `stopped`: the contract forbids to destroy anything, or it is unknown where the VM is
 * - `unknown`: there is no complete picture of Harvester
 * - `deleteVm`, `vmStopping`: the VM is there; it is being deleted
 * - `releaseAddress`: nothing runs any more, and an IPPool names the machine
 * - `withdrawClaims`: neither does any IPPool, and there are IPAddressClaims of the machine
 * - `finish`: disks, Secret and finalizer are left; that no claim is, must be read, for the index may know of none at all
 */
export type DeletionStep =
  | "none"
  | "abandoned"
  | "stopped"
  | "unknown"
  | "deleteVm"
  | "vmStopping"
  | "releaseAddress"
  | "withdrawClaims"
  | "finish";

/** Pure; the same answer for every function that takes part, so that no two of them act at a time. */
export function deletionStep(view: HarvesterMachineInScope): DeletionStep {
  const { object, related, unknown } = view;
  if (object.meta.deletionTimestamp === undefined || !isHeldByUs(object)) return "none";
  if (abandonReason(object) !== undefined) return "abandoned";
  if (deletionStop(view) !== undefined) return "stopped";
  if (unknown.some((name) => !isOfClaims(name))) return "unknown";
  const { vm, vmi, heldIn } = related;
  if (vm !== undefined && isOurs(vm, object)) {
    return vm.meta.deletionTimestamp === undefined ? "deleteVm" : "vmStopping";
  }
  // A foreign VM of the same name has the instance of the same name; without any VM the instance may still be ours.
  if (vm === undefined && vmi !== undefined) return "vmStopping";
  if (ownEntries(object, heldIn).length > 0) return "releaseAddress";
  return ownClaims(object, related).length > 0 ? "withdrawClaims" : "finish";
}

/**
 * IPAddressClaims lie in the management cluster, which may serve none (without Cluster API's CustomResourceDefinitions of IPAM), so that their list is
 * never complete. The VM does not wait for that.
 */
function isOfClaims(relation: string): boolean {
  return relation === "claims" || relation === "claimed";
}

/** Why a person gave up what the machine has on Harvester; undefined when nobody did. */
export function abandonReason(own: Seen<HarvesterMachineBody>): string | undefined {
  const reason = own.metadata.annotations[ABANDON_ANNOTATION]?.trim();
  return reason === "" ? undefined : reason;
}
