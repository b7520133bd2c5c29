import type { View } from "#functions/contract/function.ts";
import { gate } from "#functions/harvester/gates.ts";
import { machineOnHarvester, type MachineScope } from "#functions/harvester/machine-scope.ts";
import { effectiveNetwork } from "#functions/harvester/network-config.ts";
import { hadVm } from "#functions/harvester/ownership.ts";
import { judgePools, usableRanges, type PoolVerdict } from "#functions/harvester/pool-candidates.ts";
import { ownEntries } from "#functions/harvester/pool-entries.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { harvesterConnection, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** What the decision to allocate looks at. */
export interface AllocationScope extends MachineScope {
  readonly vm: Seen<unknown> | undefined;
  readonly heldIn: readonly Seen<IpPool>[];
  readonly connection: Seen<ConnectionState> | undefined;
  /** The pools the machine may take its address from, as far as they exist, in the order they are tried. */
  readonly pools: readonly Seen<IpPool>[];
}

export type AllocationView = View<HarvesterMachineBody, AllocationScope>;

/**
 * A pool changes with every address, so its changes wake nobody: who waits for an address waits for a place in the pool by `waitFor`. Only
 * other terms of a pool that has to be mended wake the machines that cannot use it.
 */
export const allocationScope = machineOnHarvester
  .one(
    "connection",
    connectionStateView,
    (_own, { harvesterCluster }) =>
      harvesterCluster && connectionStateRef(harvesterConnection(harvesterCluster.spec.identitySecret)),
    { wake: "none", optional: true },
  )
  .several("pools", ipPoolView, (own, { harvesterCluster }) => poolRefs(own, harvesterCluster), {
    wake: "membership",
  })
  .several(
    "unusable",
    ipPoolView,
    (own, { pools }) =>
      pools.filter((pool) => usableRanges(pool, own.spec.networks) === undefined).map(({ meta }) => meta),
    { wake: "places" },
  );

/** Whether the machine is to be brought into being with an address of a pool, and has none yet. */
export function wantsAddress(view: AllocationView): boolean {
  const { object, related } = view;
  return (
    object.meta.deletionTimestamp === undefined &&
    related.vm === undefined &&
    ownEntries(object, related.heldIn).length === 0 &&
    poolRefs(object, related.harvesterCluster).length > 0 &&
    gate(view).open
  );
}

/** The pool whose turn it is: the first that has a free address for the machine, else the first there is. */
export function poolInTurn({
  object,
  related,
}: Pick<AllocationView, "object" | "related">): ObjectRef | undefined {
  const refs = poolRefs(object, related.harvesterCluster);
  if (refs.length < 2) return refs[0];
  const free = judge({ object, related }).findIndex(({ state }) => state === "free");
  return refs[Math.max(0, free)];
}

/** What each of the machine's pools can do for it, in the order they are tried. */
export function judge({
  object,
  related,
}: Pick<AllocationView, "object" | "related">): readonly PoolVerdict[] {
  const names = poolRefs(object, related.harvesterCluster).map(({ name }) => name);
  return judgePools(names, related.pools, object.spec.networks);
}

/** The pools of the effective network configuration, in the order they are tried; none once the machine has had its VM. */
export function poolRefs(
  own: Seen<HarvesterMachineBody>,
  harvesterCluster: Seen<HarvesterClusterBody> | undefined,
): readonly ObjectRef[] {
  if (harvesterCluster === undefined || hadVm(own)) return [];
  const network = effectiveNetwork(own, harvesterCluster);
  if (network.kind !== "pool") return [];
  const connection = harvesterConnection(harvesterCluster.spec.identitySecret);
  return network.pools.map((name) => ({ connection, name }));
}
