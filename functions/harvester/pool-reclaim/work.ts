import { leaksIn, mayBeVmOf, type Leak } from "#functions/harvester/pool-reclaim/leaks.ts";
import { isIdle } from "#functions/harvester/owner-cluster.ts";
import type { PoolView } from "#functions/harvester/pool-reclaim/pool-world.ts";
import { readHolder } from "#functions/harvester/pool-entries.ts";
import { isMarked, usersOf } from "#functions/harvester/pool-users.ts";
import { isShort } from "#platform/harvester/ip-pool-use.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** A pool and what of it may be taken back, once it is proven. */
export interface LeakyPool {
  readonly pool: Seen<IpPool>;
  readonly leaks: readonly Leak[];
}

/** What looks left over in a pool and is left to a person, or to time. */
interface Orphans {
  readonly leaks: readonly Leak[];
  readonly why: "vm" | "shared" | "unknown";
}

/**
 * Pools with entries of ours that do not say yet that machines of this management cluster take addresses from them. Entries under the Go
 * provider's ids need no mark, since nobody takes those back: a pool that is taken over is not written to until it gives an address.
 */
export function unmarkedPools({ object, related }: PoolView): readonly Seen<IpPool>[] {
  const management = related.connection?.managementUid;
  if (isIdle(object, related.cluster) || management === undefined) return [];
  return related.pools.filter(
    (pool) => !isMarked(pool, management) && hasEntries(pool, object.meta.namespace),
  );
}

function hasEntries({ status }: Seen<IpPool>, namespace: string | undefined): boolean {
  return Object.values(status.allocated).some((id) => readHolder(id)?.namespace === namespace);
}

/** Pools short of addresses in which entries of ours have neither machine nor VM any more. The step proves each before it takes it. */
export function leakyPools(view: PoolView): readonly LeakyPool[] {
  const { object, related } = view;
  if (isIdle(object, related.cluster)) return [];
  const management = related.connection?.managementUid;
  return related.pools
    .filter((pool) => isShort(pool) && usersOf(pool, management) === "ours")
    .map((pool) => ({ pool, leaks: leaksOf(pool, view).filter((leak) => !hasVm(leak, view)) }))
    .filter(({ leaks }) => leaks.length > 0);
}

/** What of a pool short of addresses has no machine and is not taken back all the same. */
export function orphansIn(pool: Seen<IpPool>, view: PoolView): Orphans {
  const users = usersOf(pool, view.related.connection?.managementUid);
  const leaks = leaksOf(pool, view);
  return users === "ours"
    ? { leaks: leaks.filter((leak) => hasVm(leak, view)), why: "vm" }
    : { leaks, why: users };
}

function leaksOf(pool: Seen<IpPool>, { object, related }: PoolView): readonly Leak[] {
  return leaksIn(pool, related.holders, object.meta.namespace);
}

function hasVm({ holder }: Leak, { related }: PoolView): boolean {
  return related.leftVms.some(
    ({ meta, metadata }) => meta.name === holder.name && mayBeVmOf(holder, metadata.labels),
  );
}
