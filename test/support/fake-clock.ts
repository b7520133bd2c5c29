import type { Clock } from "#platform/process/clock.ts";

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock a test owns: time moves only by `advance`, timers fire in order, and what they start is let run before the next one. */
export class FakeClock implements Clock {
  #now: number;
  #order = 0;
  #scheduled: Scheduled[] = [];

  constructor(start = Date.parse("2026-11-21T12:00:00Z")) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  schedule(afterMs: number, callback: () => void): () => void {
    const entry = { at: this.#now + Math.max(0, afterMs), order: (this.#order += 1), callback };
    this.#scheduled.push(entry);
    return () => {
      this.#scheduled = this.#scheduled.filter((each) => each !== entry);
    };
  }

  /** Moves time, firing what becomes due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.at);
      this.#scheduled = this.#scheduled.filter((each) => each !== next);
      next.callback();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** The process did not run for a while: time has gone by, and no timer has fired yet. */
  stall(ms: number): void {
    this.#now += ms;
  }

  get pending(): number {
    return this.#scheduled.length;
  }

  #next(end: number): Scheduled | undefined {
    return this.#scheduled
      .filter(({ at }) => at <= end)
      .toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
  }
}

/** Lets everything that needs no time come to rest: promises, microtasks, and what they start. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
