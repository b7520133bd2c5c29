import type { CallTrigger, DeltaTrigger } from "#test/chaos/plan.ts";
import { signatureOf, type TraceEntry, type TracedCall, type TracedDelta, writes } from "#test/chaos/trace.ts";

const MOST_REPETITIONS = 3;
const destructive: ReadonlySet<string> = new Set(["delete", "deletecollection"]);

/**
 * The points of a trace worth a fault: what happens in every fault-free run, each kind of thing at most three times. What destroys, and the
 * first write of its kind, always stays. Kubernetes Events are for people and get one point of each kind.
 */
export function prune(
  trace: readonly TraceEntry[],
  others: readonly (readonly TraceEntry[])[],
): TraceEntry[] {
  const elsewhere = others.map((other) => new Set(other.map((entry) => `${signatureOf(entry)} ${entry.nth}`)));
  return trace.filter((entry) => {
    if (!elsewhere.every((known) => known.has(`${signatureOf(entry)} ${entry.nth}`))) return false;
    if (entry.at === "delta") return entry.nth <= MOST_REPETITIONS || entry.type === "deleted" || entry.deleting;
    if (destructive.has(entry.verb)) return true;
    if (entry.resource === "events") return entry.nth === 1;
    const isFirstWrite = writes.has(entry.verb) && entry.effective && entry.nth === 1;
    return isFirstWrite || entry.nth <= MOST_REPETITIONS;
  });
}

export function triggerOf(entry: TracedCall): CallTrigger;
export function triggerOf(entry: TracedDelta): DeltaTrigger;
export function triggerOf(entry: TraceEntry): CallTrigger | DeltaTrigger {
  const { api, resource, name, nth } = entry;
  return entry.at === "call"
    ? { at: "call", by: entry.by, api, verb: entry.verb, resource, name, nth }
    : { at: "delta", api, resource, name, nth };
}
