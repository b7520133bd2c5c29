import type { View } from "#functions/contract/function.ts";
import {
  holderIds,
  machineScope,
  onHarvester,
  type MachineScope,
} from "#functions/harvester/machine-scope.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import {
  virtualMachineInstanceView,
  virtualMachineView,
  type VirtualMachine,
  type VirtualMachineInstance,
} from "#platform/harvester/virtual-machine.ts";
import { harvesterConnection, type Seen } from "#platform/kube/view.ts";

/** What the deletion of a machine looks at. What lies on Harvester is optional: named in `view.unknown`, it must never pass for absent. */
export interface DeletionScope extends MachineScope {
  readonly vm: Seen<VirtualMachine> | undefined;
  readonly vmi: Seen<VirtualMachineInstance> | undefined;
  readonly heldIn: readonly Seen<IpPool>[];
}

export type DeletionView = View<HarvesterMachineBody, DeletionScope>;

/** As `machineOnHarvester`, but a machine can be looked at, and given up, while there is no connection to Harvester. */
export const deletionScope = machineScope
  .one("vm", virtualMachineView, (own, { harvesterCluster }) => onHarvester(own, harvesterCluster), {
    optional: true,
  })
  .one("vmi", virtualMachineInstanceView, (own, { harvesterCluster }) => onHarvester(own, harvesterCluster), {
    optional: true,
  })
  .matching(
    "heldIn",
    ipPoolView,
    (own, { harvesterCluster }) => {
      if (harvesterCluster === undefined) return [];
      const connection = harvesterConnection(harvesterCluster.spec.identitySecret);
      return holderIds(own).map((value) => ({ connection, index: "holder", value }));
    },
    { wake: "membership", optional: true },
  );
