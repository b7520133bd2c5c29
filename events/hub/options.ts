import type { HubObserver } from "#events/hub/observer.ts";
import type { HubPolicy } from "#events/hub/policy.ts";
import type { LedgerStore } from "#events/hub/records.ts";
import type { Reporter } from "#events/hub/reporter.ts";
import type { Shard } from "#events/hub/shard.ts";
import type { DemandListener, ScopesOf } from "#events/hub/wakes.ts";
import type { Runner } from "#events/transport/runner.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface HubOptions {
  readonly functions: readonly StepFunction[];
  /** Names the management cluster in event sources. */
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly runner: Runner;
  readonly reporter: Reporter;
  readonly observe: HubObserver;
  readonly policy: HubPolicy;
  readonly ledger: LedgerStore;
  readonly scopesOf: ScopesOf;
  /** Which objects this hub acts for; all when left out. */
  readonly shard?: Shard | undefined;
  readonly demand: DemandListener;
  /** Version of a function's code. A new one makes that function's items run again where they still have work. */
  readonly bundleOf: (fn: StepFunction) => string;
  /** First part of every attempt token, when somebody else counts it, such as a Lease; otherwise the ledger does. */
  readonly epoch?: number | undefined;
  /** Asked before every dispatch: false means that somebody else leads by now. Always true when left out. */
  readonly mayAct?: (() => boolean) | undefined;
  /** False: everything is judged, nothing is run. For `capfn why`. */
  readonly dispatch: boolean;
  /** Another hub leads: everything is watched and nothing concluded, until {@link Hub.lead}. */
  readonly standby?: boolean | undefined;
}
