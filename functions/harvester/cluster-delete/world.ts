import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { isHeld } from "#functions/harvester/cluster-hold.ts";
import { loadBalancerName, loadBalancerPoolName, vmPoolName } from "#functions/harvester/cluster-names.ts";
import { ownerCluster } from "#functions/harvester/owner-cluster.ts";
import { clusterView, type Cluster } from "#platform/cluster-api/cluster.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterMachineView, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import {
  loadBalancerView,
  serviceView,
  type LoadBalancer,
  type Service,
} from "#platform/harvester/load-balancer.ts";
import { harvesterConnection, MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** What may be left of a cluster that is being deleted. */
export interface LeftOfCluster {
  readonly cluster: Seen<Cluster> | undefined;
  readonly connection: Seen<ConnectionState> | undefined;
  readonly machines: readonly Seen<HarvesterMachineBody>[];
  readonly balancer: Seen<LoadBalancer> | undefined;
  readonly service: Seen<Service> | undefined;
  /** Pools under the names of those that are made for the cluster, and the one its load balancer's address is from. */
  readonly pools: readonly Seen<IpPool>[];
}

export type ClusterDeleteView = View<HarvesterClusterBody, LeftOfCluster>;

/** Nothing is looked at before the deletion is asked for. What is on Harvester is optional: it is to be told when it is not known. */
export const leftOfCluster = relations(harvesterClusterView)
  .one("cluster", clusterView, (own) => (isLeaving(own) ? ownerCluster(own) : undefined))
  .one("connection", connectionStateView, (own) =>
    isLeaving(own) ? connectionStateRef(harvesterConnection(own.spec.identitySecret)) : undefined,
  )
  .matching(
    "machines",
    harvesterMachineView,
    (own) => {
      const cluster = ownerCluster(own);
      return isLeaving(own) && cluster !== undefined
        ? [
            {
              connection: MANAGEMENT,
              namespace: own.meta.namespace,
              index: "cluster",
              value: cluster.name,
            },
          ]
        : [];
    },
    { wake: "membership" },
  )
  .one("balancer", loadBalancerView, (own) => inTarget(own), { optional: true })
  .one("service", serviceView, (own) => inTarget(own), { optional: true })
  .several(
    "pools",
    ipPoolView,
    (own) => {
      if (!isLeaving(own)) return [];
      const connection = harvesterConnection(own.spec.identitySecret);
      const { ipPoolRef = "" } = own.spec.loadBalancerConfig;
      const names = new Set([loadBalancerPoolName(own), vmPoolName(own), ipPoolRef]);
      return [...names].filter((name) => name !== "").map((name) => ({ connection, name }));
    },
    { optional: true },
  );

/** Its deletion is asked for, and we keep it. */
export function isLeaving(own: Seen<HarvesterClusterBody>): boolean {
  return own.meta.deletionTimestamp !== undefined && isHeld(own);
}

function inTarget(own: Seen<HarvesterClusterBody>): ObjectRef | undefined {
  if (!isLeaving(own)) return undefined;
  const { identitySecret, targetNamespace } = own.spec;
  return {
    connection: harvesterConnection(identitySecret),
    namespace: targetNamespace,
    name: loadBalancerName(own),
  };
}
