import { readHolder, type Holder } from "#functions/harvester/pool-entries.ts";
import { isIdle, type PoolView } from "#functions/harvester/pool-reclaim/pool-world.ts";
import { identityOf, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { isShort } from "#platform/harvester/ip-pool-use.ts";
import { USED_FROM_ANNOTATION, type IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** An entry of a pool whose machine is not there any more. */
export interface Leak {
  readonly address: string;
  readonly id: string;
  readonly holder: Holder;
}

/** A pool and what of it may be taken back, once it is proven. */
export interface LeakyPool {
  readonly pool: Seen<IpPool>;
  readonly leaks: readonly Leak[];
}

/** Who takes addresses from a pool: only this management cluster, others too, or nobody knows. */
export type PoolUsers = "ours" | "shared" | "unknown";

/** Identities are uids, and values of labels on Harvester; what could not be one is not of our making. */
const IDENTITY = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** Pools short of addresses in which entries of ours have no machine any more, by name. Pure; the step proves each before it takes it. */
export function leakyPools(view: PoolView): readonly LeakyPool[] {
  const { object, related } = view;
  if (isIdle(object, related.cluster)) return [];
  const management = related.connection?.managementUid;
  return related.pools
    .filter((pool) => isShort(pool) && usersOf(pool, management) === "ours")
    .map((pool) => ({ pool, leaks: leaksIn(pool, related.holders, object.meta.namespace) }))
    .filter(({ leaks }) => leaks.length > 0);
}

/**
 * Entries of machines of this namespace that do not exist; or no longer, there being another of the name. Everything else is left alone:
 * the Go provider's ids, those of load balancers, of other namespaces, and whatever a person wrote.
 */
export function leaksIn(
  pool: Pick<IpPool, "status">,
  machines: readonly Seen<HarvesterMachineBody>[],
  namespace: string | undefined,
): readonly Leak[] {
  const byName = new Map(machines.map((machine) => [machine.meta.name, machine]));
  return Object.entries(pool.status.allocated).flatMap(([address, id]) => {
    const holder = readHolder(id);
    if (holder?.namespace !== namespace || holder === undefined || !IDENTITY.test(holder.identity)) return [];
    return isHeld(holder, byName.get(holder.name)) ? [] : [{ address, id, holder }];
  });
}

/** Whether the machine that has the holder's name is the holder. */
export function isHeld(holder: Holder, machine: Seen<HarvesterMachineBody> | undefined): boolean {
  return (
    machine !== undefined && [identityOf(machine), machine.meta.uid].some((uid) => uid === holder.identity)
  );
}

/** Pools that do not say yet that machines of this management cluster take addresses from them. */
export function unmarkedPools({ object, related }: PoolView): readonly Seen<IpPool>[] {
  const management = related.connection?.managementUid;
  if (isIdle(object, related.cluster) || management === undefined) return [];
  return related.pools.filter((pool) => !markedUsers(pool).includes(management));
}

/** The value of the mark with this management cluster in it. */
export function markFor(pool: Pick<IpPool, "metadata">, management: string): string {
  return [...new Set([...markedUsers(pool), management])].toSorted().join(",");
}

/** Who takes addresses from the pool, by its mark. */
export function usersOf(pool: Pick<IpPool, "metadata">, management: string | undefined): PoolUsers {
  const users = markedUsers(pool);
  if (management === undefined || !users.includes(management)) return "unknown";
  return users.length === 1 ? "ours" : "shared";
}

function markedUsers({ metadata }: Pick<IpPool, "metadata">): readonly string[] {
  const text = metadata.annotations[USED_FROM_ANNOTATION] ?? "";
  return text
    .split(",")
    .map((uid) => uid.trim())
    .filter((uid) => uid !== "");
}
