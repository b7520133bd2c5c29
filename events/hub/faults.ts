import { backoffMs, countFault, type Attempts } from "#events/hub/backoff.ts";
import type { HubPolicy } from "#events/hub/policy.ts";
import { RunnerFault } from "#events/transport/runner.ts";
import { isKubeError } from "#platform/kube/errors.ts";

/** What a fault means for the item: a fresh look, a delay that is not its own fault, a delay that counts, or the end of its budget. */
export type FaultVerdict =
  | { readonly kind: "freshLook"; readonly delayMs: number; readonly reason: string }
  | { readonly kind: "platform"; readonly delayMs: number; readonly reason: string }
  | { readonly kind: "retry"; readonly delayMs: number; readonly reason: string; readonly attempts: Attempts }
  | { readonly kind: "park"; readonly reason: string; readonly message: string; readonly attempts: Attempts };

export interface FaultHistory {
  readonly attempts: Attempts | undefined;
  /** Faults in a row that were not the object's: conflicts and dead dependencies. */
  readonly foreignFaults: number;
}

/** Pause before the first new try after a runner could not run a step, ms; as much again is left to chance. */
const SOON_MS = 100;

/** Sorts a fault. Only what the object itself causes uses its budget; a dead API server or a missing right never parks a machine. */
export function judgeFault(
  fault: unknown,
  history: FaultHistory,
  policy: HubPolicy,
  world: { now: number; random: () => number },
): FaultVerdict {
  const { foreignFaults } = history;
  const pause = (faults: number, retryAfterMs?: number) =>
    backoffMs(policy.backoff, Math.max(1, faults), world.random, retryAfterMs);
  if (isKubeError(fault, "conflict", "alreadyExists")) {
    const { reason } = fault;
    if (foreignFaults >= policy.freshLooks)
      return { kind: "platform", delayMs: pause(foreignFaults - policy.freshLooks + 1), reason };
    return { kind: "freshLook", delayMs: Math.round(foreignFaults * 20 * world.random()), reason };
  }
  if (isKubeError(fault) && fault.reason !== "invalid" && fault.reason !== "notFound") {
    return { kind: "platform", delayMs: pause(foreignFaults + 1, fault.retryAfterMs), reason: fault.reason };
  }
  if (fault instanceof RunnerFault) {
    const { retryAfterMs } = fault;
    // A pod that was not there yet, or no longer, is often there at the next try.
    const delayMs =
      foreignFaults === 0 && retryAfterMs === undefined
        ? SOON_MS * (1 + world.random())
        : pause(foreignFaults, retryAfterMs);
    return { kind: "platform", delayMs, reason: faultName(fault) };
  }
  const attempts = countFault(policy.backoff, history.attempts, world.now);
  if (attempts.faults >= policy.backoff.budget) {
    return {
      kind: "park",
      reason: "AttemptsExhausted",
      message: `gave up after ${policy.backoff.budget} attempts; it is tried again when the spec or what it rests on changes`,
      attempts,
    };
  }
  return { kind: "retry", delayMs: pause(attempts.faults), reason: faultName(fault), attempts };
}

/**
 * The API server, or the pods, whose silence ended the run, if that was it. A request that was never sent proves nothing, nor does one whose answer
 * shows that the server is there: its cache is behind, or the resource is not installed.
 */
export function deadDependency(fault: unknown): string | undefined {
  if (fault instanceof RunnerFault) return fault.dependency;
  return isKubeError(fault, "unavailable", "timeout") && fault.detail === undefined
    ? fault.dependency
    : undefined;
}

/** A word for logs: the API server's verdict, what a runner says, or the error's class; never its text, which may quote what must not be logged. */
export function faultName(fault: unknown): string {
  if (isKubeError(fault)) return `${fault.reason}@${fault.dependency}`;
  if (fault instanceof RunnerFault && fault.said !== undefined) return `${fault.name}: ${fault.said}`;
  return fault instanceof Error ? fault.name : "unknown fault";
}
