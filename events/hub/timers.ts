import type { Clock } from "#platform/process/clock.ts";

interface Due {
  readonly at: number;
  readonly id: string;
}

/** Due times by id, with one timer of the clock for the earliest. An id has at most one due time; a later call replaces it. */
export class Timers {
  readonly #clock: Clock;
  readonly #fire: (id: string) => void;
  readonly #dueAt = new Map<string, number>();
  /** Binary heap by time; entries whose id has another due time by now are skipped when they surface. */
  readonly #heap: Due[] = [];
  #armedFor: number | undefined;
  #disarm: (() => void) | undefined;

  constructor(clock: Clock, fire: (id: string) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** `at` in wall-clock ms; in the past means at once, but never within this call. */
  set(id: string, at: number): void {
    if (this.#dueAt.get(id) === at) return;
    this.#dueAt.set(id, at);
    push(this.#heap, { at, id });
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
    this.#disarm?.();
    this.#dueAt.clear();
    this.#heap.length = 0;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || (this.#armedFor !== undefined && this.#armedFor <= first.at)) return;
    this.#disarm?.();
    this.#armedFor = first.at;
    this.#disarm = this.#clock.schedule(Math.max(0, first.at - this.#clock.now()), () => this.#run());
  }

  #run(): void {
    this.#armedFor = undefined;
    const now = this.#clock.now();
    const due: string[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      pop(this.#heap);
      if (this.#dueAt.get(first.id) === first.at) {
        this.#dueAt.delete(first.id);
        due.push(first.id);
      }
    }
    this.#arm();
    for (const id of due) this.#fire(id);
  }
}

function push(heap: Due[], item: Due): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!swapIfEarlier(heap, at, parent)) return;
    at = parent;
  }
}

function pop(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  for (let at = 0; ;) {
    const left = 2 * at + 1;
    const right = left + 1;
    const smaller = earlier(heap[right], heap[left]) ? right : left;
    if (!swapIfEarlier(heap, smaller, at)) return;
    at = smaller;
  }
}

function swapIfEarlier(heap: Due[], child: number, parent: number): boolean {
  const a = heap[child];
  const b = heap[parent];
  if (a === undefined || b === undefined || !earlier(a, b)) return false;
  heap[child] = b;
  heap[parent] = a;
  return true;
}

function earlier(a: Due | undefined, b: Due | undefined): boolean {
  return a !== undefined && (b === undefined || a.at < b.at);
}
