import type { HubEvent, HubObserver } from "#events/hub/observer.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { Log } from "#platform/observability/log.ts";
import type { Metrics } from "#platform/observability/metrics.ts";
import { seldom, type Seldom } from "#platform/observability/seldom.ts";
import type { Clock } from "#platform/process/clock.ts";

/** A function that cannot judge one object often cannot judge any: it is logged once in this time. */
const PREDICATE_FAILURE_EVERY_MS = 60_000;

interface ObserverParts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly functions: readonly StepFunction[];
}

/** What happens in the hub, as metrics and one log line per outcome. */
export function observeWith({ log, metrics, clock, functions }: ObserverParts): HubObserver {
  const steps = new Map(functions.map((fn) => [fn.name, fn]));
  const mayTell = seldom(clock, PREDICATE_FAILURE_EVERY_MS);
  return (event) => {
    count(event, metrics, steps);
    if (event.kind === "predicateFailed") writePredicateFailure(event, log, mayTell(event.function));
    else write(event, log);
  };
}

/** A step forgot to await something that failed. Its class only: the text may quote what must not be logged. */
export function logStray(log: Log, error: unknown): void {
  const fields = { error: error instanceof Error ? error.name : "unknown" };
  log.error(fields, "a step left a rejection behind; its attempt counts as a fault");
}

function writePredicateFailure(
  { function: fn, object, message }: Extract<HubEvent, { kind: "predicateFailed" }>,
  log: Log,
  turn: ReturnType<Seldom>,
): void {
  if (turn === undefined) return;
  const fields = { function: fn, object, error: message, passedOver: turn.passedOver };
  log.error(
    fields,
    "a function cannot judge an object; it is left alone until something it looks at changes",
  );
}

function count(event: HubEvent, metrics: Metrics, steps: ReadonlyMap<string, StepFunction>): void {
  switch (event.kind) {
    case "dispatched":
      metrics.wake.observe({ function: event.function }, event.wakeMs / 1000);
      break;
    case "outcome":
      metrics.outcomes.inc({ function: event.function, outcome: event.outcome });
      observeDuration(event, metrics, steps.get(event.function));
      if (event.outcome === "fault")
        metrics.faults.inc({ function: event.function, cause: causeOf(event.reason) });
      break;
    case "late":
      metrics.late.inc();
      break;
    case "missed":
      metrics.missed.inc(event.deltas);
      break;
    case "relisted":
      metrics.relists.inc({ reason: event.reason });
      break;
    case "disrupted":
      metrics.disruptions.inc();
      break;
    case "thrashing":
      metrics.thrashing.inc({ function: event.function });
      break;
    case "predicateFailed":
      metrics.predicateFailures.inc({ function: event.function });
      break;
    case "unreadable":
      metrics.unreadable.inc();
      break;
    default:
      break;
  }
}

/** Whose fault it was, out of its word: as the hub sorts faults. */
function causeOf(fault: string): "conflict" | "platform" | "object" {
  if (/^(conflict|alreadyExists)@/.test(fault)) return "conflict";
  if (/^(invalid|notFound)@/.test(fault)) return "object";
  return fault.includes("@") || fault === "RunnerFault" ? "platform" : "object";
}

/** The Go provider's histograms: one step each. What is no step for a machine or a cluster is in `capfn_wake_latency_seconds` and the log only. */
function observeDuration(
  { durationMs }: Extract<HubEvent, { kind: "outcome" }>,
  { nodeInitDuration, machineDuration, clusterDuration }: Metrics,
  step: StepFunction | undefined,
): void {
  const seconds = durationMs / 1000;
  const operation = step?.deletes === true ? "delete" : "normal";
  if (step?.name === "node-init") nodeInitDuration.observe(seconds);
  if (step?.for.type.kind === "HarvesterCluster") clusterDuration.observe({ operation }, seconds);
  if (step?.for.type.kind === "HarvesterMachine") machineDuration.observe({ operation }, seconds);
}

function write(event: HubEvent, log: Log): void {
  switch (event.kind) {
    case "dispatched":
      log.debug({ ...event }, "dispatched");
      break;
    case "outcome": {
      const { kind: _kind, cause, writes: _writes, ...fields } = event;
      const line = {
        ...fields,
        cause: cause.type,
        causeId: cause.id,
        durationMs: Math.round(event.durationMs * 10) / 10,
      };
      if (event.reason.startsWith("conflict@"))
        log.info(line, "the object had changed; a fresh look follows");
      else if (event.outcome === "fault") log.warn(line, "step ended by a fault; it is tried again");
      else log.info(line, "step");
      break;
    }
    case "parked":
    case "thrashing":
    case "unreadable":
    case "missed":
    case "late":
      log.warn({ ...event }, event.kind);
      break;
    case "happened":
      // Every change of every object: what came of it is logged where it ends.
      break;
    default:
      log.debug({ ...event }, event.kind);
  }
}
