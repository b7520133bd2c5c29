import { defaultBackoff, type BackoffPolicy } from "#events/hub/backoff.ts";
import { defaultBreaker, type BreakerPolicy } from "#events/hub/breakers.ts";
import { defaultThrash, type ThrashPolicy } from "#events/hub/thrash.ts";

/** Every number of the hub, in one place. */
export interface HubPolicy {
  readonly backoff: BackoffPolicy;
  readonly breaker: BreakerPolicy;
  readonly thrash: ThrashPolicy;
  /** Keys that run at once. */
  readonly maxInFlight: number;
  /** Of these, keys that call one and the same Harvester or workload API: one that hangs must not take every place. */
  readonly maxInFlightPerServer: number;
  /** Items one run of a batch function is handed: what it does for each must fit in its deadline. */
  readonly largestBatch: number;
  /** After its deadline a run still gets this long to prove that it ended, before its key is given to others. */
  readonly deadlineMarginMs: number;
  /** How much later in line what came with a first list or a sweep stands. */
  readonly lowPriorityMs: number;
  /** Every object is judged again after this time, without any request. Jittered by half. */
  readonly sweepMs: number;
  /** Fresh looks after conflicts in a row without a pause. */
  readonly freshLooks: number;
  /** The ledger is stored this long after it changed. */
  readonly ledgerSaveMs: number;
}

export const defaultPolicy: HubPolicy = {
  backoff: defaultBackoff,
  breaker: defaultBreaker,
  thrash: defaultThrash,
  maxInFlight: 64,
  maxInFlightPerServer: 16,
  largestBatch: 250,
  deadlineMarginMs: 5_000,
  lowPriorityMs: 30_000,
  sweepMs: 3_600_000,
  freshLooks: 5,
  ledgerSaveMs: 30_000,
};
