import type { View } from "#functions/contract/function.ts";
import { machineInAnyCase, type HarvesterScope } from "#functions/harvester/machine-scope.ts";
import { effectiveNetwork } from "#functions/harvester/network-config.ts";
import { ownEntries } from "#functions/harvester/pool-entries.ts";
import {
  bootstrapRef,
  imageQueries,
  isToBeMade,
  keyPairRef,
  type Ingredients,
} from "#functions/harvester/vm-ingredients.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { nodeView, type Node } from "#platform/cluster-api/node.ts";
import { secretView } from "#platform/cluster-api/secret.ts";
import { imageView, keyPairView } from "#platform/harvester/image.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { harvesterConnection, workloadConnection, type Seen } from "#platform/kube/view.ts";

/** The world around a machine, as far as its status tells of it. Ingredients and pools are looked at until there is a VM. */
export interface MachineWorld extends HarvesterScope, Ingredients {
  /** State of the connection to Harvester. */
  readonly connection: Seen<ConnectionState> | undefined;
  /** IPPools the machine may take its address from; none once it has one. */
  readonly pools: readonly Seen<IpPool>[];
  /** The pool its status names, while no pool holds its address for it. */
  readonly losingPool: Seen<IpPool> | undefined;
  /** Nodes with the machine's name, while it has no providerID. */
  readonly nodes: readonly Seen<Node>[];
}

export type ObservedMachine = View<HarvesterMachineBody, MachineWorld>;

/** Everything beyond the management cluster is optional: a machine is reported on also while Harvester cannot be reached. */
export const machineWorld = machineInAnyCase
  .one("connection", connectionStateView, (_own, { harvesterCluster }) =>
    harvesterCluster === undefined
      ? undefined
      : connectionStateRef(harvesterConnection(harvesterCluster.spec.identitySecret)),
  )
  .several(
    "pools",
    ipPoolView,
    (own, related) => {
      const { harvesterCluster, heldIn } = related;
      const network = effectiveNetwork(own, harvesterCluster);
      if (harvesterCluster === undefined || network.kind !== "pool") return [];
      if (!isToBeMade(own, related) || ownEntries(own, heldIn).length > 0) return [];
      const connection = harvesterConnection(harvesterCluster.spec.identitySecret);
      return network.pools.map((name) => ({ connection, name }));
    },
    { optional: true, wake: "places" },
  )
  .one(
    "losingPool",
    ipPoolView,
    (own, { harvesterCluster, heldIn }) => {
      const { allocatedIPAddress, allocatedPoolRef } = own.status;
      if (harvesterCluster === undefined || allocatedIPAddress === undefined) return undefined;
      if (allocatedPoolRef === undefined || ownEntries(own, heldIn).length > 0) return undefined;
      return {
        connection: harvesterConnection(harvesterCluster.spec.identitySecret),
        name: allocatedPoolRef,
      };
    },
    { optional: true },
  )
  .matching(
    "images",
    imageView,
    (own, related) => (isToBeMade(own, related) ? imageQueries(own, related.harvesterCluster) : []),
    { optional: true },
  )
  .one(
    "keyPair",
    keyPairView,
    (own, related) => (isToBeMade(own, related) ? keyPairRef(own, related.harvesterCluster) : undefined),
    { optional: true },
  )
  .one(
    "bootstrap",
    secretView,
    (own, related) => (isToBeMade(own, related) ? bootstrapRef(own, related) : undefined),
    { optional: true },
  )
  .matching(
    "nodes",
    nodeView,
    (own, { cluster, vm }) => {
      // Before there is a VM there is no Node, and no reason to connect to the workload cluster.
      if ((own.spec.providerID ?? "") !== "" || vm === undefined || cluster === undefined) return [];
      const { namespace, name } = cluster.meta;
      const connection = workloadConnection({ namespace: namespace ?? "", name });
      return [{ connection, index: "identity", value: own.meta.name }];
    },
    { optional: true, wake: "none" },
  );

/** Whether the relation was evaluated. Where it was not, an absent object says nothing. */
export function isKnown({ related, unknown }: ObservedMachine, relation: keyof MachineWorld): boolean {
  return related.harvesterCluster !== undefined && !unknown.includes(relation);
}
