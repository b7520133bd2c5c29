import { deleteForMoveAnnotation, pausedAnnotation } from "#api/names.ts";
import type { Need } from "#functions/contract/function.ts";
import { snapshotAnnotations, type Cluster } from "#platform/cluster-api/cluster.ts";
import type { SecretPresence } from "#platform/cluster-api/secret.ts";
import type { Seen } from "#platform/kube/view.ts";

/** How often snapshots are taken, and how many are kept. */
export interface Schedule {
  readonly everyMs: number;
  readonly keep: number;
}

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
/** A snapshot reads the whole database; more often than this it is a burden and no backup. */
const SHORTEST_MS = 10 * 60_000;
const DEFAULT_KEEP = 5;
const MOST_KEPT = 1_000;

/** The schedule the annotations ask for; as text, for people, what is wrong with them; undefined when they ask for none. */
export function scheduleOf({ metadata: { annotations } }: Seen<Cluster>): Schedule | string | undefined {
  const every = annotations[snapshotAnnotations.every];
  if (every === undefined) return undefined;
  const [, count = "", unit = ""] = /^([1-9]\d{0,4})([mhd])$/.exec(every) ?? [];
  const everyMs = Number(count) * (UNITS_MS[unit] ?? 0);
  if (everyMs < SHORTEST_MS) {
    return `annotation ${snapshotAnnotations.every} must be 10m or more, in m, h or d, for example 12h`;
  }
  const keep = Number(annotations[snapshotAnnotations.keep] ?? DEFAULT_KEEP);
  if (!Number.isInteger(keep) || keep < 1 || keep > MOST_KEPT) {
    return `annotation ${snapshotAnnotations.keep} must be a whole number from 1 to ${MOST_KEPT}`;
  }
  return { everyMs, keep };
}

/** When the next snapshot is due: at once if there was none. Nothing while the Cluster is paused, moves away or goes. */
export function snapshotNeed(cluster: Seen<Cluster>, accessSecret: Seen<SecretPresence> | undefined): Need {
  const schedule = scheduleOf(cluster);
  const { annotations } = cluster.metadata;
  const stopped = [pausedAnnotation, deleteForMoveAnnotation].some((name) => name in annotations);
  if (schedule === undefined || stopped || cluster.spec.paused === true) return false;
  if (cluster.meta.deletionTimestamp !== undefined || accessSecret === undefined) return false;
  if (typeof schedule === "string") return true;
  const taken = Date.parse(annotations[snapshotAnnotations.taken] ?? "");
  return Number.isNaN(taken) ? true : new Date(taken + schedule.everyMs);
}
