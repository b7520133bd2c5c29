import type { View } from "#functions/contract/function.ts";
import type { MachineScope } from "#functions/harvester/machine-scope.ts";
import type { ConnectionState } from "#platform/cluster-api/connection-state.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Node } from "#platform/cluster-api/node.ts";
import type { Image, KeyPair } from "#platform/harvester/image.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { VirtualMachine, VirtualMachineInstance } from "#platform/harvester/virtual-machine.ts";
import type { Seen } from "#platform/kube/view.ts";

/** The world around a machine, as far as its status tells of it. */
export interface MachineWorld extends MachineScope {
  /** State of the connection to Harvester. */
  readonly connection: Seen<ConnectionState> | undefined;
  /** The VM with the machine's name, whosever it is. */
  readonly vm: Seen<VirtualMachine> | undefined;
  readonly vmi: Seen<VirtualMachineInstance> | undefined;
  /** IPPools with an entry for the machine. */
  readonly heldIn: readonly Seen<IpPool>[];
  /** IPPools the machine may take its address from; none once it has one. */
  readonly pools: readonly Seen<IpPool>[];
  /** What the VM is to be made of, until there is one. */
  readonly images: readonly Seen<Image>[];
  readonly keyPair: Seen<KeyPair> | undefined;
  /** Nodes with the machine's name, while it has no providerID. */
  readonly nodes: readonly Seen<Node>[];
}

export type ObservedMachine = View<HarvesterMachineBody, MachineWorld>;

/** Whether the relation was evaluated. Where it was not, an absent object says nothing. */
export function isKnown({ related, unknown }: ObservedMachine, relation: keyof MachineWorld): boolean {
  return related.harvesterCluster !== undefined && !unknown.includes(relation);
}
