import type { HubEvent, HubObserver } from "#events/hub/observer.ts";
import type { Log } from "#platform/observability/log.ts";
import type { Metrics } from "#platform/observability/metrics.ts";
import { seldom, type Seldom } from "#platform/observability/seldom.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Functions whose steps take a machine away; the rest of them bring it about. */
const DELETING: ReadonlySet<string> = new Set(["vm-delete", "ip-release"]);

/** A function that cannot judge one object often cannot judge any: it is logged once in this time. */
const PREDICATE_FAILURE_EVERY_MS = 60_000;

/** What happens in the hub, as metrics and one log line per outcome. */
export function observeWith(log: Log, metrics: Metrics, clock: Clock): HubObserver {
  const mayTell = seldom(clock, PREDICATE_FAILURE_EVERY_MS);
  return (event) => {
    count(event, metrics);
    if (event.kind === "predicateFailed") writePredicateFailure(event, log, mayTell(event.function));
    else write(event, log);
  };
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

function count(event: HubEvent, metrics: Metrics): void {
  switch (event.kind) {
    case "dispatched":
      metrics.wake.observe({ function: event.function }, event.wakeMs / 1000);
      break;
    case "outcome":
      metrics.outcomes.inc({ function: event.function, outcome: event.outcome });
      observeDuration(event.function, event.durationMs / 1000, metrics);
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

function observeDuration(fn: string, seconds: number, metrics: Metrics): void {
  if (fn === "node-init") metrics.nodeInitDuration.observe(seconds);
  if (fn.startsWith("cluster-")) metrics.clusterDuration.observe({ operation: "normal" }, seconds);
  else metrics.machineDuration.observe({ operation: DELETING.has(fn) ? "delete" : "normal" }, seconds);
}

function write(event: HubEvent, log: Log): void {
  switch (event.kind) {
    case "dispatched":
      log.debug({ ...event }, "dispatched");
      break;
    case "outcome": {
      const { kind: _kind, cause, ...fields } = event;
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
    default:
      log.debug({ ...event }, event.kind);
  }
}
