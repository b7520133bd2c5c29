import { MinHeap } from "#events/hub/min-heap.ts";
import type { Clock } from "#platform/process/clock.ts";

interface Due {
  readonly at: number;
  readonly id: string;
}

/** The wall clock is looked at again after this long, ms, so that a jump of it, or a machine that slept, is noticed. */
const LOOK_AGAIN_MS = 300_000;
/** Superseded entries kept in the heap before it is cleaned. */
const SUPERSEDED = 1_000;

/** Due times by id, with one timer of the clock for the earliest. An id has at most one due time; a later call replaces it. */
export class Timers {
  readonly #clock: Clock;
  readonly #fire: (id: string) => void;
  readonly #dueAt = new Map<string, number>();
  /** Entries whose id has another due time by now are skipped when they surface. */
  readonly #heap = new MinHeap<Due>((a, b) => a.at < b.at);
  #armedFor: number | undefined;
  #disarm: (() => void) | undefined;
  #stopped = false;

  constructor(clock: Clock, fire: (id: string) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** `at` in wall-clock ms; in the past means at once, but never within this call. */
  set(id: string, at: number): void {
    if (this.#stopped || this.#dueAt.get(id) === at) return;
    this.#dueAt.set(id, at);
    this.#heap.push({ at, id });
    if (this.#heap.length > 2 * this.#dueAt.size + SUPERSEDED)
      this.#heap.retain((due) => this.#dueAt.get(due.id) === due.at);
    this.#arm();
  }

  clear(id: string): void {
    this.#dueAt.delete(id);
  }

  dueAt(id: string): number | undefined {
    return this.#dueAt.get(id);
  }

  get size(): number {
    return this.#dueAt.size;
  }

  stop(): void {
    this.#stopped = true;
    this.#disarm?.();
    this.#dueAt.clear();
    this.#heap.retain(() => false);
  }

  #arm(): void {
    const first = this.#heap.peek();
    if (first === undefined || (this.#armedFor !== undefined && this.#armedFor <= first.at)) return;
    this.#disarm?.();
    this.#armedFor = first.at;
    const afterMs = Math.min(LOOK_AGAIN_MS, Math.max(0, first.at - this.#clock.now()));
    this.#disarm = this.#clock.schedule(afterMs, () => this.#run());
  }

  #run(): void {
    this.#armedFor = undefined;
    const now = this.#clock.now();
    const due: string[] = [];
    for (let first = this.#heap.peek(); first !== undefined && first.at <= now; first = this.#heap.peek()) {
      this.#heap.pop();
      if (this.#dueAt.get(first.id) === first.at) {
        this.#dueAt.delete(first.id);
        due.push(first.id);
      }
    }
    this.#arm();
    for (const id of due) this.#fire(id);
  }
}
