import type { Breakers } from "#events/hub/breakers.ts";
import { HandedOut, type WrittenObject } from "#events/hub/handed-out.ts";
import type { Item } from "#events/hub/items.ts";
import { objectName } from "#events/hub/names.ts";
import { Outcomes } from "#events/hub/outcomes.ts";
import type { HubParts } from "#events/hub/parts.ts";
import type { Settling } from "#events/hub/settling.ts";
import { grantRun } from "#events/hub/thrash.ts";
import type { Queued } from "#events/hub/work-queue.ts";
import type { RunResult, Written } from "#events/transport/runner.ts";
import type { Cause, Evaluation } from "#functions/contract/function.ts";

interface RunsParts extends HubParts {
  readonly settling: Settling;
  readonly breakers: Breakers;
  readonly epoch: () => number;
  /** Takes a run's own writes into the index; returns those whose kind the hub looks at. */
  readonly own: (written: readonly Written[], ids: readonly string[]) => WrittenObject[];
  /** Judges an item's object again. */
  readonly again: (id: string, cause: Cause) => void;
}

/** One dispatch under way. */
interface Run {
  readonly token: string;
  readonly key: string;
  readonly items: readonly Item[];
  readonly handedOut: HandedOut;
  readonly dependencies: readonly string[];
  readonly startedAt: number;
  readonly cancelTimers: () => void;
}

/** Takes items from the line and runs them: newest snapshot, one of a key at a time, with a deadline; only the current attempt's outcome counts. */
export class Runs {
  readonly #parts: RunsParts;
  readonly #outcomes: Outcomes;
  readonly #running = new Map<string, Run>();
  #attempts = 0;
  #stopping = false;

  constructor(parts: RunsParts) {
    this.#parts = parts;
    this.#outcomes = new Outcomes(parts);
  }

  /** Starts whatever may start now. */
  pump(): void {
    const { queue, options } = this.#parts;
    while (options.dispatch && !this.#stopping && queue.inFlight < options.policy.maxInFlight) {
      const next = queue.take();
      if (next === undefined) return;
      if (!this.#start(next)) queue.release(next.key);
    }
  }

  openBreakers(): readonly string[] {
    return this.#parts.breakers.open();
  }

  /** No further dispatches; resolves when all runs have ended or the time is up. */
  async drain(graceMs: number): Promise<void> {
    this.#stopping = true;
    const { clock } = this.#parts.options;
    const end = clock.monotonic() + graceMs;
    while (this.#running.size > 0 && clock.monotonic() < end) {
      await new Promise<void>((resolve) => clock.schedule(5, resolve));
    }
  }

  /** False when the item turned out not to be runnable now; it has been put where it belongs. */
  #start(queued: Queued): boolean {
    const { items, queue, settling, options } = this.#parts;
    const handedOut = new HandedOut(this.#parts.index);
    const first = items.get(queued.id);
    const evaluation = first && this.#runnable(first, handedOut);
    if (first === undefined || evaluation === undefined) return false;
    if (evaluation.key !== queued.key) {
      queue.add({ ...queued, key: evaluation.key });
      return false;
    }
    const dependencies = dependenciesOf(first, evaluation);
    const heldMs = this.#parts.breakers.waitMs(dependencies);
    if (heldMs > 0) {
      for (const dependency of dependencies)
        options.observe({ kind: "held", function: first.function.name, dependency });
      settling.rest(first, { kind: "sleep", until: options.clock.now() + Math.ceil(heldMs) });
      return false;
    }
    const others = first.function.batch ? this.#batch(queued.key, first, handedOut) : [];
    this.#parts.breakers.sent(dependencies);
    this.#dispatch([first, ...others], queued, { handedOut, dependencies });
    return true;
  }

  /** The evaluation over the newest state if the item may run now; otherwise the item is put to rest. */
  #runnable(item: Item, handedOut: HandedOut): Evaluation | undefined {
    const { settling } = this.#parts;
    const evaluation = item.function.evaluate(item.object, handedOut);
    if (evaluation === undefined) {
      settling.drop(item.function, item.uid);
      return undefined;
    }
    const { decision } = settling.judge(item, evaluation);
    if (decision.kind !== "run") {
      settling.rest(item, decision);
      return undefined;
    }
    item.wait = decision.wait;
    return this.#slowed(item, evaluation) ? undefined : evaluation;
  }

  /** Whether the item runs so often that it gets its next look later. Deletion is never slowed. */
  #slowed(item: Item, evaluation: Evaluation): boolean {
    const { options, settling, index } = this.#parts;
    const entry = index.entry(item.function.for.type, item.object);
    if (entry?.seen.meta.deletionTimestamp !== undefined) return false;
    const now = options.clock.now();
    const grant = grantRun(options.policy.thrash, item.bucket, evaluation.edges.length, now);
    item.bucket = grant.bucket;
    if (grant.delayMs === 0) return false;
    const manager = entry?.manager ?? "unknown";
    options.observe({
      kind: "thrashing",
      function: item.function.name,
      object: objectName(item.function.for.type, item.object),
      manager,
    });
    options.reporter.thrashing(item.function, item.object, item.uid, manager);
    settling.rest(item, { kind: "sleep", until: now + grant.delayMs });
    return true;
  }

  #batch(key: string, first: Item, handedOut: HandedOut): Item[] {
    const { items, queue } = this.#parts;
    return queue
      .takeAll(key, (id) => items.get(id)?.function === first.function)
      .map(({ id }) => items.get(id))
      .filter((item) => item !== undefined)
      .filter((item) => {
        const evaluation = this.#runnable(item, handedOut);
        if (evaluation === undefined || evaluation.key === key) return evaluation !== undefined;
        queue.add({ id: item.id, key: evaluation.key, rank: this.#parts.options.clock.now() });
        return false;
      });
  }

  #dispatch(
    items: readonly Item[],
    queued: Queued,
    how: { handedOut: HandedOut; dependencies: readonly string[] },
  ): void {
    const { options } = this.#parts;
    const [{ function: fn }] = [items[0] ?? missing()];
    const token = `${this.#parts.epoch()}.${(this.#attempts += 1)}`;
    const deadline = new AbortController();
    const cancelDeadline = options.clock.schedule(fn.timeoutMs, () =>
      deadline.abort(new Error(`attempt ${token} of ${fn.name} passed its deadline of ${fn.timeoutMs} ms`)),
    );
    const cancelAbandon = options.clock.schedule(fn.timeoutMs + options.policy.deadlineMarginMs, () =>
      this.#abandon(token),
    );
    const startedAt = options.clock.monotonic();
    const run: Run = {
      token,
      key: queued.key,
      items,
      ...how,
      startedAt,
      cancelTimers: () => {
        cancelDeadline();
        cancelAbandon();
      },
    };
    this.#running.set(token, run);
    const hintedAt = Math.min(...items.map((item) => item.hintedAt ?? startedAt));
    for (const item of items) item.hintedAt = undefined;
    options.observe({
      kind: "dispatched",
      function: fn.name,
      key: queued.key,
      items: items.length,
      wakeMs: startedAt - hintedAt,
      attempt: token,
    });
    const dispatch = {
      function: fn,
      items: items.map(({ object, cause, wait }) => ({ object, cause, wait })),
      lookup: how.handedOut,
      attempt: { token, signal: deadline.signal },
    };
    void options.runner.run(dispatch).then(
      (result) => this.#finish(result),
      (fault: unknown) => this.#finish({ token, outcomes: new Map(), fault, written: [] }),
    );
  }

  #finish(result: RunResult): void {
    const run = this.#running.get(result.token);
    if (run === undefined) {
      this.#parts.options.observe({ kind: "late", function: "", attempt: result.token });
      return;
    }
    this.#end(run, () => {
      const written = this.#parts.own(
        result.written,
        run.items.map(({ id }) => id),
      );
      const after = written.length === 0 ? run.handedOut : run.handedOut.withWrites(written);
      const durationMs = this.#parts.options.clock.monotonic() - run.startedAt;
      for (const item of run.items) {
        this.#outcomes.apply(item, {
          result,
          after,
          durationMs,
          key: run.key,
          dependencies: run.dependencies,
        });
      }
    });
  }

  /** The run neither answered nor ended in time. Its key is freed; whatever it still says is not listened to. */
  #abandon(token: string): void {
    const run = this.#running.get(token);
    if (run === undefined) return;
    this.#end(run, () => {
      const fault = new DeadlinePassed();
      const durationMs = this.#parts.options.clock.monotonic() - run.startedAt;
      const result: RunResult = { token, outcomes: new Map(), fault, written: [] };
      for (const item of run.items) {
        this.#outcomes.apply(item, {
          result,
          after: run.handedOut,
          durationMs,
          key: run.key,
          dependencies: run.dependencies,
        });
      }
    });
  }

  /** Whatever happens while a run is closed, its key becomes free and its objects are judged again. */
  #end(run: Run, close: () => void): void {
    this.#running.delete(run.token);
    run.cancelTimers();
    try {
      close();
    } finally {
      this.#parts.queue.release(run.key);
      for (const item of run.items) this.#parts.again(item.id, item.cause);
      this.pump();
    }
  }
}

/** The attempt's deadline and its margin went by without an answer. */
class DeadlinePassed extends Error {
  override readonly name = "DeadlinePassed";
}

/** The API servers the item is about, as far as its function calls them. */
function dependenciesOf(item: Item, evaluation: Evaluation): string[] {
  const kinds: readonly string[] = item.function.uses;
  const connections = evaluation.edges.map((edge) =>
    edge.kind === "object" ? edge.ref.connection : edge.query.connection,
  );
  return [...new Set(["management", ...connections])].filter((name) =>
    kinds.includes(name.split("/")[0] ?? name),
  );
}

function missing(): never {
  throw new Error("a dispatch has at least one item");
}
