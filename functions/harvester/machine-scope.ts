import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { claimedRefs, claimRefs, type MachineClaims } from "#functions/harvester/machine-claims.ts";
import { holderIds } from "#functions/harvester/pool-entries.ts";
import { clusterView, machineView, type Cluster, type Machine } from "#platform/cluster-api/cluster.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterMachineView, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { ipAddressClaimView, ipAddressView } from "#platform/cluster-api/ipam.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import {
  virtualMachineInstanceView,
  virtualMachineView,
  type VirtualMachine,
  type VirtualMachineInstance,
} from "#platform/harvester/virtual-machine.ts";
import { harvesterConnection, MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** The Cluster API objects around a HarvesterMachine, as far as they exist. */
export interface MachineScope {
  readonly machine: Seen<Machine> | undefined;
  readonly cluster: Seen<Cluster> | undefined;
  readonly harvesterCluster: Seen<HarvesterClusterBody> | undefined;
}

/** The scope, and what is there of the machine on Harvester and of its address claims. */
export interface HarvesterScope extends MachineScope, MachineClaims {
  /** The VM with the machine's name, whosever it is. */
  readonly vm: Seen<VirtualMachine> | undefined;
  readonly vmi: Seen<VirtualMachineInstance> | undefined;
  /** IPPools in which an entry may be the machine's. */
  readonly heldIn: readonly Seen<IpPool>[];
}

export type HarvesterMachineInScope = View<HarvesterMachineBody, HarvesterScope>;

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

/**
 * For steps that cannot do without Harvester: not judged before its lists are complete. Claims may be unknown, because a management cluster need not serve
 * any; a machine that needs one waits for its address all the same.
 */
export const machineOnHarvester = harvesterScope({ optional: false });

/**
 * For steps that look at a machine also while there is no connection to Harvester, to report on it or to give it up. What is unknown is named
 * in `view.unknown`; it must never pass for absent.
 */
export const machineInAnyCase = harvesterScope({ optional: true });

function harvesterScope(options: { readonly optional: boolean }) {
  return machineScope
    .one("vm", virtualMachineView, (own, { harvesterCluster }) => onHarvester(own, harvesterCluster), options)
    .one(
      "vmi",
      virtualMachineInstanceView,
      (own, { harvesterCluster }) => onHarvester(own, harvesterCluster),
      options,
    )
    .matching(
      "heldIn",
      ipPoolView,
      (own, { harvesterCluster }) => {
        if (harvesterCluster === undefined) return [];
        const connection = harvesterConnection(harvesterCluster.spec.identitySecret);
        return holderIds(own).map((value) => ({ connection, index: "holder", value }));
      },
      { wake: "membership", ...options },
    )
    .several("claims", ipAddressClaimView, (own, { harvesterCluster }) => claimRefs(own, harvesterCluster), {
      optional: true,
    })
    .several("claimed", ipAddressView, (_own, { claims }) => claimedRefs(claims), { optional: true });
}

/** Where the machine's VM is, if it is: named as the machine, in the cluster's target namespace. */
export function onHarvester(
  own: Seen<HarvesterMachineBody>,
  harvesterCluster: Seen<HarvesterClusterBody> | undefined,
): ObjectRef | undefined {
  if (harvesterCluster === undefined) return undefined;
  const { identitySecret, targetNamespace } = harvesterCluster.spec;
  return { connection: harvesterConnection(identitySecret), namespace: targetNamespace, name: own.meta.name };
}

function ownerMachine(own: Seen<HarvesterMachineBody>): ObjectRef | undefined {
  const owner = own.metadata.ownerReferences.find(({ kind }) => kind === "Machine");
  return owner === undefined ? undefined : inManagement(own, owner.name);
}

function inManagement(own: Seen<HarvesterMachineBody>, name: string): ObjectRef {
  return { connection: MANAGEMENT, namespace: own.meta.namespace, name };
}
