import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { effectiveNetwork, poolNames } from "#functions/harvester/network-config.ts";
import { isIdle, ownerCluster } from "#functions/harvester/owner-cluster.ts";
import { leaksIn } from "#functions/harvester/pool-reclaim/leaks.ts";
import { readHolder } from "#functions/harvester/pool-entries.ts";
import { clusterView, type Cluster } from "#platform/cluster-api/cluster.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterMachineView, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { isShort } from "#platform/harvester/ip-pool-use.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { virtualMachineView, type VirtualMachine } from "#platform/harvester/virtual-machine.ts";
import { harvesterConnection, MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** The IPPools of a cluster's machines, and who holds or waits for their addresses. */
export interface PoolWorld {
  readonly cluster: Seen<Cluster> | undefined;
  readonly connection: Seen<ConnectionState> | undefined;
  /** Machines of the cluster that found all their pools exhausted. */
  readonly waiting: readonly Seen<HarvesterMachineBody>[];
  readonly pools: readonly Seen<IpPool>[];
  /** Machines named by entries of pools that are short of addresses, as far as there are machines of these names. */
  readonly holders: readonly Seen<HarvesterMachineBody>[];
  /** VMs under the names of machines that are held an address for and do not exist. */
  readonly leftVms: readonly Seen<VirtualMachine>[];
}

export type PoolView = View<HarvesterClusterBody, PoolWorld>;

/** Who holds an address is looked up only where addresses are short: elsewhere a leaked one does no harm. */
export const poolWorld = relations(harvesterClusterView)
  .one("cluster", clusterView, ownerCluster)
  .one("connection", connectionStateView, (own, { cluster }) =>
    isIdle(own, cluster) ? undefined : connectionStateRef(harvesterConnection(own.spec.identitySecret)),
  )
  .matching(
    "waiting",
    harvesterMachineView,
    (own, { cluster }) =>
      cluster === undefined || isIdle(own, cluster)
        ? []
        : [{ ...inNamespace(own, cluster.meta.name), index: "waitsForAddress", value: cluster.meta.name }],
    { wake: "membership" },
  )
  .several("pools", ipPoolView, (own, { cluster, waiting }) =>
    isIdle(own, cluster) ? [] : poolRefs(own, waiting),
  )
  .several(
    "holders",
    harvesterMachineView,
    (own, { pools }) => {
      const names = pools.filter(isShort).flatMap(({ status }) => Object.values(status.allocated));
      const found = names.map((id) => readHolder(id)).filter((holder) => holder !== undefined);
      const near = found.filter(({ namespace }) => namespace === own.meta.namespace);
      return [...new Set(near.map(({ name }) => name))].map((name) => inNamespace(own, name));
    },
    { wake: "membership" },
  )
  .several(
    "leftVms",
    virtualMachineView,
    (own, { pools, holders }) => {
      const { identitySecret, targetNamespace } = own.spec;
      const connection = harvesterConnection(identitySecret);
      const leaks = pools.filter(isShort).flatMap((pool) => leaksIn(pool, holders, own.meta.namespace));
      return [...new Set(leaks.map(({ holder }) => holder.name))].map((name) => ({
        connection,
        namespace: targetNamespace,
        name,
      }));
    },
    { wake: "membership" },
  );

/** The pools the cluster names for its machines, and those that waiting machines name themselves; each once, by name. */
function poolRefs(
  own: Seen<HarvesterClusterBody>,
  waiting: readonly Seen<HarvesterMachineBody>[],
): readonly ObjectRef[] {
  const config = own.spec.vmNetworkConfig;
  const ofMachines = waiting.flatMap((machine) => {
    const network = effectiveNetwork(machine, own);
    return network.kind === "pool" ? network.pools : [];
  });
  const names = new Set([...(config === undefined ? [] : poolNames(config)), ...ofMachines]);
  const connection = harvesterConnection(own.spec.identitySecret);
  return [...names].toSorted().map((name) => ({ connection, name }));
}

function inNamespace(own: Seen<HarvesterClusterBody>, name: string): ObjectRef {
  return { connection: MANAGEMENT, namespace: own.meta.namespace, name };
}
