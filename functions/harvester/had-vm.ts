import { machineConditions, machineReasons } from "#api/condition-names.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * Whether the machine has had a VM: it has a providerID, or its status says that a VM was created, or that the created one is lost. It is
 * given no second one: an infrastructure machine is immutable, a lost one is replaced (Cluster API, InfraMachine).
 */
export function hadVm(own: Seen<HarvesterMachineBody>): boolean {
  const created = findCondition(own.status.conditions, machineConditions.MachineCreated);
  return (
    (own.spec.providerID ?? "") !== "" ||
    created?.status === "True" ||
    created?.reason === machineReasons.MachineNotFound
  );
}
