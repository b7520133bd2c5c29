import type { AwaitedObject, LedgerRecord } from "#events/hub/records.ts";
import type { Evaluation, WaitEnd } from "#functions/contract/function.ts";

/** What to do with an item now. */
export type Decision =
  /** The world is as it should be: nothing has to be remembered. */
  | { readonly kind: "drop" }
  /** Cannot be judged before a list it rests on is complete. */
  | { readonly kind: "blocked" }
  /** Nothing before this wall-clock time, unless something changes. */
  | { readonly kind: "sleep"; readonly until: number }
  /** Nothing until something changes. */
  | { readonly kind: "rest" }
  | { readonly kind: "run"; readonly wait?: WaitEnd };

export interface DecideInput {
  readonly evaluation: Evaluation;
  readonly record: LedgerRecord | undefined;
  /** Digest of function, bundle and the evaluation's inputs. */
  readonly hash: string;
  readonly now: number;
  /** Whether what is awaited has come about; false while that is not known yet. */
  readonly hasMoved: (target: AwaitedObject) => boolean;
  /** Whether a person said that this is not to be tried until the spec changes. Asked only where there is work. */
  readonly isSkipped: () => boolean;
}

/** The heart of level triggering: the present state and what is remembered of the last run decide, never the event that made us look. */
export function decide({ evaluation, record, hash, now, hasMoved, isSkipped }: DecideInput): Decision {
  if (evaluation.blockedOn.length > 0) return { kind: "blocked" };
  const { need } = evaluation;
  if (need === false) return { kind: "drop" };
  if (isSkipped()) return { kind: "rest" };
  if (need instanceof Date && need.getTime() > now) return { kind: "sleep", until: need.getTime() };
  switch (record?.kind) {
    case undefined:
      return { kind: "run" };
    case "done":
    case "parked":
      return record.hash === hash ? { kind: "rest" } : { kind: "run" };
    case "due":
      return record.hash === hash && record.at > now ? { kind: "sleep", until: record.at } : { kind: "run" };
    case "waiting": {
      if (record.targets.some((target) => hasMoved(target))) return { kind: "run", wait: "fulfilled" };
      if (record.hash !== hash) return { kind: "run", wait: "superseded" };
      return record.deadline <= now
        ? { kind: "run", wait: "timedOut" }
        : { kind: "sleep", until: record.deadline };
    }
  }
}
