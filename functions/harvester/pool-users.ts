import { USED_FROM_ANNOTATION } from "#platform/harvester/ip-pool-body.ts";
import type { PoolPatch } from "#functions/harvester/pool-write.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";

type Marked = Pick<IpPool, "metadata">;

/** Who takes addresses from a pool: only this management cluster, others too, or nobody knows. */
export type PoolUsers = "ours" | "shared" | "unknown";

/** Who takes addresses from the pool, by its mark. `management`: uid of this management cluster, if known. */
export function usersOf(pool: Marked, management: string | undefined): PoolUsers {
  if (management === undefined || !isMarked(pool, management)) return "unknown";
  return markedUsers(pool).length === 1 ? "ours" : "shared";
}

/** Whether the pool says already that machines of this management cluster take addresses from it. */
export function isMarked(pool: Marked, management: string): boolean {
  return markedUsers(pool).includes(management);
}

/** The value of the mark with this management cluster in it. */
export function markFor(pool: Marked, management: string): string {
  return [...new Set([...markedUsers(pool), management])].toSorted().join(",");
}

/** A change of the pool's status, with the mark if it lacks it: no entry of ours ever stands in a pool that does not say that we use it. */
export function markedPatch(
  status: Readonly<Record<string, unknown>>,
  pool: Marked | undefined,
  management: string | undefined,
): PoolPatch {
  if (pool === undefined || management === undefined || isMarked(pool, management)) return { status };
  return { status, annotations: { [USED_FROM_ANNOTATION]: markFor(pool, management) } };
}

function markedUsers({ metadata }: Marked): readonly string[] {
  const text = metadata.annotations[USED_FROM_ANNOTATION] ?? "";
  const uids = text.split(",").map((uid) => uid.trim());
  return [...new Set(uids)].filter((uid) => uid !== "");
}
