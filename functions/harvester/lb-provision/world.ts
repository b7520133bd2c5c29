import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { loadBalancerName, loadBalancerPoolName } from "#functions/harvester/cluster-names.ts";
import { isIdle, ownerCluster } from "#functions/harvester/owner-cluster.ts";
import { clusterView, type Cluster } from "#platform/cluster-api/cluster.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterMachineView, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import {
  loadBalancerView,
  serviceView,
  type LoadBalancer,
  type Service,
} from "#platform/harvester/load-balancer.ts";
import { virtualMachineView, type VirtualMachine } from "#platform/harvester/virtual-machine.ts";
import { harvesterConnection, MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** What the control plane's endpoint rests on. */
export interface LoadBalancerWorld {
  readonly cluster: Seen<Cluster> | undefined;
  /** Machines of the cluster's control plane. */
  readonly machines: readonly Seen<HarvesterMachineBody>[];
  /** Their VMs, as far as they exist. */
  readonly vms: readonly Seen<VirtualMachine>[];
  /** The Service of the load balancer's name, whosever it is. */
  readonly service: Seen<Service> | undefined;
  /** The LoadBalancer of that name, whosever it is. */
  readonly balancer: Seen<LoadBalancer> | undefined;
  /** The pool its address comes from. */
  readonly pool: Seen<IpPool> | undefined;
}

export type LoadBalancerProvisionView = View<HarvesterClusterBody, LoadBalancerWorld>;

export const loadBalancerWorld = relations(harvesterClusterView)
  .one("cluster", clusterView, ownerCluster)
  .matching(
    "machines",
    harvesterMachineView,
    (own, { cluster }) =>
      cluster === undefined || isIdle(own, cluster)
        ? []
        : [
            {
              connection: MANAGEMENT,
              namespace: own.meta.namespace,
              index: "controlPlaneOf",
              value: cluster.meta.name,
            },
          ],
    { wake: "membership" },
  )
  .several(
    "vms",
    virtualMachineView,
    (own, { machines }) => machines.map(({ meta }) => ({ ...inTarget(own), name: meta.name })),
    { wake: "membership" },
  )
  .one("service", serviceView, (own, { cluster }) => loadBalancerRef(own, cluster))
  .one("balancer", loadBalancerView, (own, { cluster }) => loadBalancerRef(own, cluster))
  .one(
    "pool",
    ipPoolView,
    (own, { cluster }) => {
      const name = poolNameOf(own);
      return isIdle(own, cluster) || name === undefined
        ? undefined
        : { connection: harvesterConnection(own.spec.identitySecret), name };
    },
    { wake: "places" },
  );

/** The pool the spec names, or the one that is made from its inline pool; undefined with DHCP and when it names none. */
export function poolNameOf(own: Seen<HarvesterClusterBody>): string | undefined {
  const { ipamType, ipPoolRef = "", ipPool } = own.spec.loadBalancerConfig;
  if (ipamType !== "pool") return undefined;
  if (ipPoolRef !== "") return ipPoolRef;
  return ipPool === undefined ? undefined : loadBalancerPoolName(own);
}

function loadBalancerRef(
  own: Seen<HarvesterClusterBody>,
  cluster: Seen<Cluster> | undefined,
): ObjectRef | undefined {
  return isIdle(own, cluster) ? undefined : { ...inTarget(own), name: loadBalancerName(own) };
}

function inTarget(own: Seen<HarvesterClusterBody>): Omit<ObjectRef, "name"> {
  return { connection: harvesterConnection(own.spec.identitySecret), namespace: own.spec.targetNamespace };
}
