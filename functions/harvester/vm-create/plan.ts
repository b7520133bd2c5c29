import { controlPlaneLabel } from "#api/names.ts";
import { gate } from "#functions/harvester/gates.ts";
import { claimedAddresses } from "#functions/harvester/machine-claims.ts";
import {
  effectiveNetwork,
  type EffectiveNetwork,
  type StaticSource,
} from "#functions/harvester/network-config.ts";
import { heldAddress } from "#functions/harvester/pool-entries.ts";
import type { HarvesterScope } from "#functions/harvester/machine-scope.ts";
import { bootstrapRef, type Ingredients } from "#functions/harvester/vm-ingredients.ts";
import type { Cluster, Machine } from "#platform/cluster-api/cluster.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { ObjectRef, Seen } from "#platform/kube/view.ts";

export interface CreateView {
  readonly object: Seen<HarvesterMachineBody>;
  readonly related: Omit<HarvesterScope, "vmi"> & Ingredients;
}

/** All that is known once the gates are open and the address is there. */
export interface Plan {
  readonly own: Seen<HarvesterMachineBody>;
  readonly machine: Seen<Machine>;
  readonly cluster: Seen<Cluster>;
  readonly harvesterCluster: Seen<HarvesterClusterBody>;
  /** The bootstrap data Secret. */
  readonly bootstrap: ObjectRef;
  readonly isControlPlane: boolean;
  readonly network: EffectiveNetwork;
  /** The static addresses of the first interface; none with DHCP. */
  readonly statics: readonly StaticSource[];
}

/**
 * Undefined while the machine is not to be brought into being, or waits for its address. It gets none while a VM of its name exists: then it
 * cannot be made, which is to be told.
 */
export function planOf(view: CreateView): Plan | undefined {
  const { object: own, related } = view;
  const { machine, cluster, harvesterCluster } = related;
  const bootstrap = bootstrapRef(own, related);
  if (own.meta.deletionTimestamp !== undefined || !gate(view).open) return undefined;
  if (machine === undefined || cluster === undefined || harvesterCluster === undefined) return undefined;
  if (bootstrap === undefined) return undefined;
  const network = effectiveNetwork(own, harvesterCluster);
  const statics = staticsOf(network, own, related);
  if (statics === undefined && related.vm === undefined) return undefined;
  const isControlPlane =
    own.metadata.labels[controlPlaneLabel] !== undefined ||
    machine.metadata.labels[controlPlaneLabel] !== undefined;
  return {
    own,
    machine,
    cluster,
    harvesterCluster,
    bootstrap,
    isControlPlane,
    network,
    statics: statics ?? [],
  };
}

/** Undefined while an address is waited for. */
function staticsOf(
  network: EffectiveNetwork,
  own: Seen<HarvesterMachineBody>,
  related: CreateView["related"],
): readonly StaticSource[] | undefined {
  switch (network.kind) {
    case "dhcp":
      return [];
    case "fixed":
      return [{ address: network.address, network }];
    case "pool": {
      const held = heldAddress(own, related.heldIn, network.pools);
      return held && [{ address: held.address, network }];
    }
    case "ipam":
      return claimedAddresses(own, network, related);
  }
}
