import type { HandedOut } from "#events/hub/handed-out.ts";
import type { Heard } from "#events/hub/hints.ts";
import type { Item } from "#events/hub/items.ts";
import type { Cause, StepFunction } from "#functions/contract/function.ts";
import type { Clock } from "#platform/process/clock.ts";

/** One dispatch under way. */
export interface Run {
  readonly token: string;
  readonly key: string;
  readonly function: StepFunction;
  readonly items: readonly Item[];
  readonly handedOut: HandedOut;
  readonly dependencies: readonly string[];
  /** Of the own-write window that was opened for it. */
  readonly window: number;
  /** Hints for its objects since it began. */
  readonly heard: Heard;
  readonly startedAt: number;
  /** Why each item runs, by uid; the item itself may learn of the next cause meanwhile. */
  readonly causes: ReadonlyMap<string, Cause>;
  readonly signal: AbortSignal;
}

interface UnderWay {
  readonly run: Run;
  readonly deadline: AbortController;
  readonly cancelTimers: () => void;
}

/** The runs under way, each with its deadline. After the deadline a run may not write; after a further margin it is given up. */
export class Attempts {
  readonly #clock: Clock;
  readonly #marginMs: number;
  readonly #underWay = new Map<string, UnderWay>();
  readonly #atServer = new Map<string, number>();
  readonly #items = new Set<string>();
  readonly #onEnd = new Set<() => void>();

  constructor(clock: Clock, marginMs: number) {
    this.#clock = clock;
    this.#marginMs = marginMs;
  }

  /** `waitMs`: how long it may wait for its start besides. */
  begin(
    what: Omit<Run, "signal" | "startedAt" | "causes">,
    waitMs: number,
    giveUp: (token: string) => void,
  ): Run {
    const { token, function: fn, dependencies } = what;
    const timeoutMs = fn.timeoutMs + waitMs;
    const deadline = new AbortController();
    const cancels = [
      this.#clock.schedule(timeoutMs, () =>
        deadline.abort(
          new DeadlinePassed(`attempt ${token} of ${fn.name} passed its deadline of ${timeoutMs} ms`),
        ),
      ),
      this.#clock.schedule(timeoutMs + this.#marginMs, () => giveUp(token)),
    ];
    const run: Run = {
      ...what,
      startedAt: this.#clock.monotonic(),
      causes: new Map(what.items.map(({ uid, cause }) => [uid, cause])),
      signal: deadline.signal,
    };
    const cancelTimers = () => {
      for (const cancel of cancels) cancel();
    };
    this.#underWay.set(token, { run, deadline, cancelTimers });
    for (const name of dependencies) this.#count(name, 1);
    for (const { id } of run.items) this.#items.add(id);
    return run;
  }

  /** Takes a run out. Undefined when it is not the current attempt of anything: it has ended or been given up before. */
  end(token: string): Run | undefined {
    const found = this.#underWay.get(token);
    if (found === undefined) return undefined;
    this.#underWay.delete(token);
    found.cancelTimers();
    for (const name of found.run.dependencies) this.#count(name, -1);
    for (const { id } of found.run.items) this.#items.delete(id);
    if (this.#underWay.size === 0) for (const ended of this.#onEnd) ended();
    return found.run;
  }

  /** Whether a run of this item is under way, under whichever key. */
  isRunning(id: string): boolean {
    return this.#items.has(id);
  }

  /** The attempt of an item that is under way, under whichever key. */
  tokenOf(id: string): string | undefined {
    if (!this.#items.has(id)) return undefined;
    return [...this.#underWay.values()].find(({ run }) => run.items.some((item) => item.id === id))?.run
      .token;
  }

  /** Runs under way that call this API server. */
  inFlightAt(server: string): number {
    return this.#atServer.get(server) ?? 0;
  }

  /** Forbids every run under way to write anything more. */
  abortAll(reason: string): void {
    for (const { deadline } of this.#underWay.values()) deadline.abort(new Error(reason));
  }

  /** Resolves when nothing is under way any more, or after `graceMs`. */
  async drained(graceMs: number): Promise<void> {
    if (this.#underWay.size === 0) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.schedule(graceMs, () => end());
      const end = () => {
        cancel();
        this.#onEnd.delete(end);
        resolve();
      };
      this.#onEnd.add(end);
    });
  }

  #count(name: string, by: number): void {
    const count = this.inFlightAt(name) + by;
    if (count === 0) this.#atServer.delete(name);
    else this.#atServer.set(name, count);
  }
}

/** The attempt's time was over. */
export class DeadlinePassed extends Error {
  override readonly name = "DeadlinePassed";
}
