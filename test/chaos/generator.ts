import type { Fault, Plan, Trigger } from "#test/chaos/plan.ts";
import { prune, triggerOf } from "#test/chaos/pruning.ts";
import {
  signatureOf,
  type TraceEntry,
  type TracedCall,
  type TracedDelta,
  writes,
} from "#test/chaos/trace.ts";

/** A gap, a lag, a pause: long compared with everything in a trial, ms. */
const LONG_MS = 150;

type Planned = Plan["faults"][number];

/**
 * Every fault at every point of a recorded run. `others` are further fault-free runs: what did not happen in them too is no point to rely
 * on.
 */
export function generatePlans(
  scenario: string,
  seed: number,
  trace: readonly TraceEntry[],
  others: readonly (readonly TraceEntry[])[] = [],
): Plan[] {
  const points = prune(trace, others);
  const calls = points.filter((entry) => entry.at === "call");
  const deltas = points.filter((entry) => entry.at === "delta");
  const planned = [
    ...calls.flatMap((call) => atCall(call)),
    ...deltas.flatMap((delta) => atDelta(delta, deltas)),
    ...swaps(deltas),
  ];
  return planned.map((each) => ({ seed, scenario, faults: [each] }));
}

function atCall(call: TracedCall): Planned[] {
  const trigger = triggerOf(call);
  const faults = callFaults(call);
  return faults.map((fault) => ({ fault, trigger }));
}

function callFaults(call: TracedCall): Fault[] {
  return call.api === "E" ? etcdFaults(call) : requestFaults(call);
}

/** What can happen to a call to a member of etcd; there is neither a conflict nor a limit of requests. */
function etcdFaults({ effective }: TracedCall): Fault[] {
  return [
    { kind: "crash-before" },
    { kind: "answer-lost" },
    { kind: "error-500" },
    { kind: "error-timeout" },
    { kind: "unreachable", forMs: LONG_MS },
    ...(effective ? ([{ kind: "crash-after" }, { kind: "two-hubs", forMs: LONG_MS }] satisfies Fault[]) : []),
  ];
}

function requestFaults({ verb, effective }: TracedCall): Fault[] {
  const isWrite = writes.has(verb);
  const errors: Fault[] = [{ kind: "error-429" }, { kind: "error-500" }, { kind: "error-timeout" }];
  if (verb === "watch") return [{ kind: "crash-before" }, ...errors];
  if (!isWrite) return [{ kind: "crash-before" }, { kind: "answer-lost" }, ...errors];
  return [
    { kind: "crash-before" },
    ...(effective ? ([{ kind: "crash-after" }, { kind: "two-hubs", forMs: LONG_MS }] satisfies Fault[]) : []),
    { kind: "answer-lost" },
    { kind: "error-409" },
    ...errors,
  ];
}

function atDelta(delta: TracedDelta, deltas: readonly TracedDelta[]): Planned[] {
  const trigger = triggerOf(delta);
  const isOverwritten = deltas.some(
    (later) => signatureOf(later) === signatureOf(delta) && later.nth > delta.nth,
  );
  const isReplaced = deltas.some(
    (later) => signatureOf(later) === signatureOf(delta) && later.incarnation > delta.incarnation,
  );
  const faults: Fault[] = [
    { kind: "dup" },
    { kind: "gap", forMs: LONG_MS },
    { kind: "stale", forMs: LONG_MS },
    { kind: "two-hubs", forMs: LONG_MS },
    ...(isOverwritten ? ([{ kind: "dup-late" }, { kind: "unobserved" }] satisfies Fault[]) : []),
    // Back in time is dangerous where what is seen again is no longer so.
    ...(isOverwritten || isReplaced
      ? ([{ kind: "stale-restart", forMs: isReplaced ? 4 * LONG_MS : LONG_MS }] satisfies Fault[])
      : []),
  ];
  return faults.map((fault) => ({ fault, trigger }));
}

/** Neighbours of different watches, told the other way round. */
function swaps(deltas: readonly TracedDelta[]): Planned[] {
  return deltas.flatMap((delta, index) => {
    const next = deltas.slice(index + 1).find((later) => streamOf(later) !== streamOf(delta));
    if (next === undefined) return [];
    const behind: Trigger = triggerOf(next);
    return behind.at === "delta"
      ? [{ fault: { kind: "swap" as const, behind }, trigger: triggerOf(delta) }]
      : [];
  });
}

function streamOf({ api, resource }: TracedDelta): string {
  return `${api} ${resource}`;
}
