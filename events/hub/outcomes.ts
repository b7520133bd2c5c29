import { judgeFault, faultName } from "#events/hub/faults.ts";
import type { Breakers } from "#events/hub/breakers.ts";
import type { HandedOut } from "#events/hub/handed-out.ts";
import type { Item } from "#events/hub/items.ts";
import { objectName } from "#events/hub/names.ts";
import type { HubParts } from "#events/hub/parts.ts";
import type { LedgerRecord } from "#events/hub/records.ts";
import type { Settling } from "#events/hub/settling.ts";
import { compareVersions } from "#events/hub/versions.ts";
import type { RunResult } from "#events/transport/runner.ts";
import type { Outcome, WaitTarget } from "#functions/contract/outcome.ts";

interface OutcomesParts extends HubParts {
  readonly settling: Settling;
  readonly breakers: Breakers;
}

interface Ended {
  readonly result: RunResult;
  /** The snapshot that was handed out, with the run's own writes. */
  readonly after: HandedOut;
  readonly durationMs: number;
  readonly key: string;
  readonly dependencies: readonly string[];
}

/** Turns what a run said into what is remembered of its item. Whatever was remembered before is replaced. */
export class Outcomes {
  readonly #parts: OutcomesParts;

  constructor(parts: OutcomesParts) {
    this.#parts = parts;
  }

  apply(item: Item, ended: Ended): void {
    const { items, options, breakers } = this.#parts;
    const { result } = ended;
    const outcome = result.outcomes.get(item.uid);
    this.#observe(item, outcome, ended);
    this.#parts.timers.clear(item.id);
    if (items.get(item.id) !== item) return; // The object went away while the step ran: there is nothing to remember it for.
    const evaluation = item.function.evaluate(item.object, ended.after);
    const hash = evaluation === undefined ? "" : this.#parts.settling.hash(item.function, evaluation);
    if (outcome === undefined) {
      items.remember(item, this.#afterFault(item, hash, result.fault ?? new NoOutcome()));
      return;
    }
    if (result.fault === undefined) breakers.succeeded(ended.dependencies);
    item.conflicts = 0;
    if (item.attempts !== undefined && outcome.kind !== "failed") {
      item.attempts = undefined;
      options.reporter.note(item.function, item.object, item.uid, undefined);
    }
    items.remember(item, this.#record(item, outcome, hash));
  }

  #record(item: Item, outcome: Outcome, hash: string): LedgerRecord | undefined {
    const { options } = this.#parts;
    const now = options.clock.now();
    switch (outcome.kind) {
      case "done":
        for (const { type } of outcome.emit ?? [])
          options.observe({ kind: "emitted", function: item.function.name, type });
        return { kind: "done", hash };
      case "requeueAfter":
        return { kind: "due", hash, at: now + Math.max(100, outcome.afterMs), reason: outcome.reason };
      case "failed":
        return this.#park(item, hash, outcome);
      case "waitFor":
        return this.#waiting(outcome, hash, now);
    }
  }

  /** Undefined when a target has moved since the step looked: then there is nothing to wait for. */
  #waiting(
    outcome: Extract<Outcome, { kind: "waitFor" }>,
    hash: string,
    now: number,
  ): LedgerRecord | undefined {
    if (outcome.targets.some((target) => this.#moved(target))) return undefined;
    const targets = outcome.targets.map(({ type, ref }) => {
      const object = objectName(type, ref);
      return { object, seen: this.#parts.settling.digestOf(object) };
    });
    return { kind: "waiting", hash, targets, deadline: now + outcome.timeoutMs, reason: outcome.reason };
  }

  #moved({ type, ref, seen }: WaitTarget): boolean {
    const entry = this.#parts.index.entry(type, ref);
    if (seen === "absent") return entry !== undefined;
    return entry === undefined || compareVersions(entry.changedAt, seen) > 0;
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

  #afterFault(item: Item, hash: string, fault: unknown): LedgerRecord {
    const { options, breakers } = this.#parts;
    const now = options.clock.now();
    const verdict = judgeFault(
      fault,
      { attempts: item.attempts, foreignFaults: item.conflicts },
      options.policy,
      {
        now,
        random: options.random,
      },
    );
    switch (verdict.kind) {
      case "freshLook":
      case "platform":
        item.conflicts += 1;
        if (verdict.kind === "platform" && verdict.dependency !== undefined)
          breakers.failed(verdict.dependency);
        return { kind: "due", hash, at: now + verdict.delayMs, reason: verdict.reason };
      case "retry":
        item.attempts = verdict.attempts;
        options.reporter.note(item.function, item.object, item.uid, verdict.attempts);
        return { kind: "due", hash, at: now + verdict.delayMs, reason: verdict.reason };
      case "park":
        item.attempts = verdict.attempts;
        return this.#park(item, hash, verdict);
    }
  }

  #observe(item: Item, outcome: Outcome | undefined, { result, durationMs, key }: Ended): void {
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
      outcome: kind,
      reason,
      cause: item.cause,
      durationMs,
      attempt: result.token,
    });
  }
}

/** The run ended, but said nothing about this item. */
class NoOutcome extends Error {
  override readonly name = "NoOutcome";
}
