import type { CallTrigger, DeltaTrigger } from "#test/chaos/plan.ts";
import {
  signatureOf,
  type TraceEntry,
  type TracedCall,
  type TracedDelta,
  writes,
} from "#test/chaos/trace.ts";

const MOST_REPETITIONS = 3;
/** Requests after which something is gone. */
const destructive: ReadonlySet<string> = new Set(["delete", "deletecollection"]);

/**
 * The points of a trace worth a fault: what happens in every fault-free run, each kind of thing at most three times, whichever machine it is
 * about. What destroys, and the first write of its kind, always stays. Kubernetes Events are for people and get one point of each kind.
 */
export function prune(
  trace: readonly TraceEntry[],
  others: readonly (readonly TraceEntry[])[],
): TraceEntry[] {
  const elsewhere = others.map(
    (other) => new Set(other.map((entry) => `${signatureOf(entry)} ${entry.nth}`)),
  );
  const repetitions = new Map<string, number>();
  return trace.filter((entry) => {
    if (!elsewhere.every((known) => known.has(`${signatureOf(entry)} ${entry.nth}`))) return false;
    const kind = signatureOf(entry).replaceAll(/TRIAL-(m|cp)\d+/g, "TRIAL-$1");
    const repetition = (repetitions.get(kind) ?? 0) + 1;
    repetitions.set(kind, repetition);
    if (repetition <= MOST_REPETITIONS) return entry.resource !== "events" || repetition === 1;
    if (entry.at === "delta") return entry.type === "deleted";
    return destructive.has(entry.verb) || (writes.has(entry.verb) && entry.effective && entry.nth === 1);
  });
}

export function triggerOf(entry: TracedCall): CallTrigger;
export function triggerOf(entry: TracedDelta): DeltaTrigger;
export function triggerOf(entry: TraceEntry): CallTrigger | DeltaTrigger {
  const { resource, name, nth } = entry;
  return entry.at === "call"
    ? { at: "call", by: entry.by, api: entry.api, verb: entry.verb, resource, name, nth }
    : { at: "delta", api: entry.api, resource, name, nth };
}
