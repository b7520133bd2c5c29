import type { Dispatch, RunResult } from "#events/transport/runner.ts";
import type { Clock } from "#platform/process/clock.ts";

/** A dispatch on its way to a pod, and to whom its result goes. Only the first of both counts. */
export interface WaitingDispatch {
  readonly dispatch: Dispatch;
  readonly resolve: (result: RunResult) => void;
  readonly reject: (fault: Error) => void;
  /** Monotonic ms. */
  readonly since: number;
}

/** A pod that asks for work of some functions. */
export interface Asking {
  readonly holder: string;
  readonly functions: readonly string[];
  /** Hands it work, or undefined when it is to ask again. */
  readonly answer: (work: WaitingDispatch | undefined) => void;
}

/** A dispatch in line, with what keeps it from waiting for ever. */
interface Place {
  readonly work: WaitingDispatch;
  readonly cancel: () => void;
}

/** Dispatches and pods that wait for each other, both first come first served. */
export class PullQueue {
  readonly #clock: Clock;
  readonly #waiting = new Set<Place>();
  readonly #asking = new Set<Asking>();
  readonly #longestWaitMs: number;
  readonly #unclaimed: (work: WaitingDispatch) => void;

  /** `unclaimed` hears of a dispatch for which nobody came in time. */
  constructor(clock: Clock, longestWaitMs: number, unclaimed: (work: WaitingDispatch) => void) {
    this.#clock = clock;
    this.#longestWaitMs = longestWaitMs;
    this.#unclaimed = unclaimed;
  }

  /** Dispatches of a function that wait. */
  count(name: string): number {
    return [...this.#waiting].filter(({ work }) => work.dispatch.function.name === name).length;
  }

  /** The attempt, if it waits. */
  find(token: string): WaitingDispatch | undefined {
    return this.#place(token)?.work;
  }

  /** Hands the work to whoever asks, or keeps it. `first`: before all others. */
  add(work: WaitingDispatch, first = false): void {
    const { name } = work.dispatch.function;
    const asking = [...this.#asking].find(({ functions }) => functions.includes(name));
    if (asking !== undefined) {
      this.#asking.delete(asking);
      asking.answer(work);
      return;
    }
    const leftMs = work.since + this.#longestWaitMs - this.#clock.monotonic();
    const cancel = this.#clock.schedule(leftMs, () => {
      this.#waiting.delete(place);
      this.#unclaimed(work);
    });
    const place: Place = { work, cancel };
    const others = first ? [...this.#waiting] : [];
    for (const other of others) this.#waiting.delete(other);
    for (const each of [place, ...others]) this.#waiting.add(each);
  }

  /** The next work for these functions, now; undefined when there is none. */
  take(functions: readonly string[]): WaitingDispatch | undefined {
    const found = [...this.#waiting].find(({ work }) => functions.includes(work.dispatch.function.name));
    if (found !== undefined) this.#forget(found);
    return found?.work;
  }

  /** A pod waits; what is returned takes it out again. */
  ask(asking: Asking): () => void {
    this.#asking.add(asking);
    return () => void this.#asking.delete(asking);
  }

  /** Takes an attempt out, if it waits. */
  withdraw(token: string): void {
    const found = this.#place(token);
    if (found !== undefined) this.#forget(found);
  }

  /** Takes everything out. */
  clear(): WaitingDispatch[] {
    const all = [...this.#waiting];
    for (const place of all) this.#forget(place);
    return all.map(({ work }) => work);
  }

  /** Lets those pods that wait ask again. */
  dismiss(whether: (asking: Asking) => boolean): void {
    for (const asking of [...this.#asking].filter(whether)) {
      this.#asking.delete(asking);
      asking.answer(undefined);
    }
  }

  #place(token: string): Place | undefined {
    return [...this.#waiting].find(({ work }) => work.dispatch.attempt.token === token);
  }

  #forget(place: Place): void {
    place.cancel();
    this.#waiting.delete(place);
  }
}
