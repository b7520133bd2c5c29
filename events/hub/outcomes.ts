import { isEventType } from "#events/catalog/types.ts";
import { faultName, judgeFault } from "#events/hub/faults.ts";
import type { HandedOut } from "#events/hub/handed-out.ts";
import type { Item } from "#events/hub/items.ts";
import { objectName, resourceName } from "#events/hub/names.ts";
import type { HubParts } from "#events/hub/parts.ts";
import type { LedgerRecord } from "#events/hub/records.ts";
import type { Settling } from "#events/hub/settling.ts";
import { compareVersions } from "#events/hub/versions.ts";
import type { RunResult, WriteNote } from "#events/transport/runner.ts";
import type { Cause } from "#functions/contract/function.ts";
import { outcomeSchema, type Emission, type Outcome, type WaitTarget } from "#functions/contract/outcome.ts";
import type { ObjectRef, ResourceView } from "#platform/kube/view.ts";

interface OutcomesParts extends HubParts {
  readonly settling: Settling;
  /** Somebody says that an object is worth a look. */
  readonly hint: (view: ResourceView<unknown>, ref: ObjectRef, cause: Cause) => void;
}

/** A run that has ended, as far as its items are concerned. */
export interface Ended {
  readonly result: RunResult;
  /** The snapshot that was handed out, with the run's own writes. */
  readonly after: HandedOut;
  /** Somebody else's change lies under the run's own writes: what the run concluded does not hold. */
  readonly disturbed: boolean;
  /** Names of objects for which a hint came during the run. */
  readonly hinted: ReadonlySet<string>;
  /** A batch that was more than one run can do. */
  readonly overlong: boolean;
  readonly durationMs: number;
  readonly key: string;
  /** Why it ran, by uid. */
  readonly causes: ReadonlyMap<string, Cause>;
  /** How many items the run was for. */
  readonly items: number;
}

/** Shortest wait, ms: a step that asks for less would run in a circle. */
const SHORTEST_WAIT_MS = 100;

/** Turns what a run said into what is remembered of its item. Whatever was remembered before is replaced. */
export class Outcomes {
  readonly #parts: OutcomesParts;

  constructor(parts: OutcomesParts) {
    this.#parts = parts;
  }

  apply(item: Item, ended: Ended): void {
    const { items, options, settling, timers } = this.#parts;
    const { result } = ended;
    const outcome = valid(result.outcomes.get(item.uid));
    this.#observe(item, outcome, ended);
    timers.clear(item.id);
    if (outcome?.kind === "done") {
      const cause = ended.causes.get(item.uid) ?? item.cause;
      for (const emission of outcome.emit ?? []) this.#emit(item, emission, cause);
    }
    if (!items.has(item.id)) {
      // Its object is gone, or as it should be: nothing has to be remembered, but people are told.
      if (outcome?.kind === "failed") options.reporter.failed(item.function, item.object, item.uid, outcome);
      return;
    }
    items.keep(item);
    const finding = settling.evaluate(item.function, item.object, ended.after);
    const hash = finding.kind === "evaluated" ? finding.hash : "";
    if (outcome === undefined) {
      items.remember(item, this.#afterFault(item, hash, ended));
      return;
    }
    item.foreignFaults = 0;
    item.largestBatch = Infinity;
    if (item.attempts !== undefined && outcome.kind !== "failed") {
      item.attempts = undefined;
      options.reporter.note(item.function, item.object, item.uid, undefined);
    }
    const record = this.#record(item, outcome, hash);
    items.remember(item, this.#covers(item, outcome, ended) ? record : undefined);
  }

  /** Whether what the step said holds for the world as it is now; otherwise it looks again. */
  #covers({ function: fn, object }: Item, { kind }: Outcome, ended: Ended): boolean {
    if (ended.disturbed) return false;
    if (kind === "done") return !ended.after.isBeyond;
    return kind !== "requeueAfter" || !ended.hinted.has(objectName(fn.for.type, object));
  }

  #record(item: Item, outcome: Outcome, hash: string): LedgerRecord | undefined {
    const { options } = this.#parts;
    const now = options.clock.now();
    switch (outcome.kind) {
      case "done":
        return { kind: "done", hash };
      case "requeueAfter":
        return {
          kind: "due",
          hash,
          at: now + Math.max(SHORTEST_WAIT_MS, outcome.afterMs),
          reason: outcome.reason,
        };
      case "failed":
        return this.#park(item, hash, outcome);
      case "waitFor":
        return this.#waiting(outcome, hash, now);
    }
  }

  /** What a step reports is a hint like any other, if it says what it is about. */
  #emit(item: Item, { type, target, data }: Emission, cause: Cause): void {
    const { options, views, hint } = this.#parts;
    const { name } = item.function;
    const reported = {
      id: `${cause.id}/${type}`,
      source: `/clusters/${options.clusterId}/functions/${name}`,
      time: new Date(options.clock.now()).toISOString(),
    };
    const object = target ?? { type: item.function.for.type, ref: { ...item.object, uid: item.uid } };
    options.observe({ kind: "emitted", function: name, type, cause: { ...reported, type }, object, data });
    const view = target === undefined ? undefined : views.get(resourceName(target.type));
    if (target === undefined || view === undefined || !isEventType(type)) return;
    hint(view, target.ref, { ...reported, type });
  }

  /** Undefined when a target has moved since the step looked: then there is nothing to wait for. */
  #waiting(
    outcome: Extract<Outcome, { kind: "waitFor" }>,
    hash: string,
    now: number,
  ): LedgerRecord | undefined {
    const targets = outcome.targets.map((target) => {
      const object = objectName(target.type, target.ref);
      return { target, object, seen: this.#parts.settling.digestOf(object) };
    });
    if (targets.some(({ target, object, seen }) => seen !== undefined && this.#moved(target, object)))
      return undefined;
    return {
      kind: "waiting",
      hash,
      // What cannot be seen yet has certainly been awaited when it can.
      targets: targets.map(({ object, seen, target: { terms } }) => ({
        object,
        seen: seen ?? "unknown",
        ...(terms !== undefined && { terms }),
      })),
      deadline: now + Math.max(SHORTEST_WAIT_MS, outcome.timeoutMs),
      reason: outcome.reason,
    };
  }

  #moved({ type, ref, seen, terms }: WaitTarget, object: string): boolean {
    const entry = this.#parts.index.entry(type, ref);
    if (seen === "absent") return entry !== undefined;
    const changed = entry === undefined || compareVersions(entry.changedAt, seen) > 0;
    return changed && (terms === undefined || this.#parts.settling.givesPlace(object, terms));
  }

  #park(item: Item, hash: string, why: { reason: string; message: string }): LedgerRecord {
    const { options } = this.#parts;
    const { reason, message } = why;
    const faults = item.attempts ?? { faults: 0, since: options.clock.now() };
    options.observe({
      kind: "parked",
      function: item.function.name,
      object: objectName(item.function.for.type, item.object),
      reason,
    });
    options.reporter.note(item.function, item.object, item.uid, {
      ...faults,
      parked: { hash, reason, message },
    });
    options.reporter.failed(item.function, item.object, item.uid, { reason, message });
    item.attempts = faults;
    return { kind: "parked", hash, reason, message };
  }

  #afterFault(item: Item, hash: string, { result, items, overlong }: Ended): LedgerRecord {
    const { options } = this.#parts;
    const now = options.clock.now();
    const fault = result.fault ?? new NoOutcome();
    const verdict = judgeFault(fault, item, options.policy, { now, random: options.random });
    const { reason } = verdict;
    if (overlong) item.largestBatch = Math.ceil(items / 2);
    if (items > 1 && result.fault !== undefined && (verdict.kind === "retry" || verdict.kind === "park")) {
      // One of them broke the run of all. Each runs by itself now, so that only the one uses up its budget.
      if (!overlong) item.largestBatch = 1;
      return { kind: "due", hash, at: now, reason };
    }
    switch (verdict.kind) {
      case "freshLook":
      case "platform":
        item.foreignFaults += 1;
        return { kind: "due", hash, at: now + verdict.delayMs, reason };
      case "retry":
        item.attempts = verdict.attempts;
        options.reporter.note(item.function, item.object, item.uid, verdict.attempts);
        return { kind: "due", hash, at: now + verdict.delayMs, reason };
      case "park":
        item.attempts = verdict.attempts;
        return this.#park(item, hash, verdict);
    }
  }

  #observe(item: Item, outcome: Outcome | undefined, { result, durationMs, key, causes }: Ended): void {
    const kind = outcome?.kind ?? "fault";
    const reason =
      outcome === undefined
        ? faultName(result.fault ?? new NoOutcome())
        : "reason" in outcome
          ? outcome.reason
          : "";
    item.lastOutcome = reason === "" ? kind : `${kind}: ${reason}`;
    this.#parts.options.observe({
      kind: "outcome",
      function: item.function.name,
      key,
      object: objectName(item.function.for.type, item.object),
      subject: { type: item.function.for.type, ref: { ...item.object, uid: item.uid } },
      outcome: kind,
      reason,
      cause: causes.get(item.uid) ?? item.cause,
      writes: (result.writes ?? []).filter((write) => concerns(write, item.uid, result)),
      durationMs,
      attempt: result.token,
    });
  }
}

/** The run ended, but said nothing about this item, or nothing that can be understood. */
class NoOutcome extends Error {
  override readonly name = "NoOutcome";
}

/** Whether a write of a run is about this item: not when it is about another item of the same batch. */
function concerns({ eventId }: WriteNote, uid: string, { outcomes }: RunResult): boolean {
  const [written = ""] = eventId?.split("/") ?? [];
  return written === uid || !outcomes.has(written);
}

function valid(outcome: unknown): Outcome | undefined {
  return outcomeSchema.safeParse(outcome).data;
}
