import { relations } from "#functions/contract/relations.ts";
import type { Cluster, Machine } from "#platform/cluster-api/cluster.ts";
import { clusterView, machineView } from "#platform/cluster-api/cluster.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import {
  harvesterMachineView,
  identityOf,
  type HarvesterMachineBody,
} from "#platform/cluster-api/harvester-machine.ts";
import { ipPoolView } from "#platform/harvester/ip-pool.ts";
import { virtualMachineInstanceView, virtualMachineView } from "#platform/harvester/virtual-machine.ts";
import { harvesterConnection, MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** The Cluster API objects around a HarvesterMachine, as far as they exist. */
export interface MachineScope {
  readonly machine: Seen<Machine> | undefined;
  readonly cluster: Seen<Cluster> | undefined;
  readonly harvesterCluster: Seen<HarvesterClusterBody> | undefined;
}

/** HarvesterMachine -> owner Machine -> Cluster -> HarvesterCluster. */
export const machineScope = relations(harvesterMachineView)
  .one("machine", machineView, (own) => ownerMachine(own))
  .one("cluster", clusterView, (own, { machine }) => {
    const name = machine?.spec.clusterName ?? own.metadata.labels["cluster.x-k8s.io/cluster-name"];
    return name === undefined ? undefined : inManagement(own, name);
  })
  .one("harvesterCluster", harvesterClusterView, (own, { cluster }) => {
    const ref = cluster?.spec.infrastructureRef;
    return ref?.kind === "HarvesterCluster" ? inManagement(own, ref.name) : undefined;
  });

/** The scope, and what is there of the machine on Harvester: its VM, the running instance, and the pools that hold an address for it. */
export const machineOnHarvester = machineScope
  .one("vm", virtualMachineView, (own, { harvesterCluster }) => onHarvester(own, harvesterCluster))
  .one("vmi", virtualMachineInstanceView, (own, { harvesterCluster }) => onHarvester(own, harvesterCluster))
  .matching(
    "heldIn",
    ipPoolView,
    (own, { harvesterCluster }) => {
      if (harvesterCluster === undefined) return [];
      const connection = harvesterConnection(harvesterCluster.spec.identitySecret);
      return holderIds(own).map((value) => ({ connection, index: "holder", value }));
    },
    { wake: "membership" },
  );

/** Where the machine's VM is, if it is: named as the machine, in the cluster's target namespace. */
export function onHarvester(
  own: Seen<HarvesterMachineBody>,
  harvesterCluster: Seen<HarvesterClusterBody> | undefined,
): ObjectRef | undefined {
  if (harvesterCluster === undefined) return undefined;
  const { identitySecret, targetNamespace } = harvesterCluster.spec;
  return { connection: harvesterConnection(identitySecret), namespace: targetNamespace, name: own.meta.name };
}

/** Id under which the machine holds an address in an IPPool: carries the identity, so a namesake can neither use nor release it. */
export function holderId(own: Seen<HarvesterMachineBody>): string {
  return `${own.meta.namespace ?? ""}/${own.meta.name}/${identityOf(own)}`;
}

/** The ids that count as ours: also the `<namespace>/<name>` of the Go provider, for the address our status says we hold. */
export function holderIds(own: Seen<HarvesterMachineBody>): readonly string[] {
  const legacy = `${own.meta.namespace ?? ""}/${own.meta.name}`;
  return own.status.allocatedIPAddress === undefined ? [holderId(own)] : [holderId(own), legacy];
}

function ownerMachine(own: Seen<HarvesterMachineBody>): ObjectRef | undefined {
  const owner = own.metadata.ownerReferences.find(({ kind }) => kind === "Machine");
  return owner === undefined ? undefined : inManagement(own, owner.name);
}

function inManagement(own: Seen<HarvesterMachineBody>, name: string): ObjectRef {
  return { connection: MANAGEMENT, namespace: own.meta.namespace, name };
}
