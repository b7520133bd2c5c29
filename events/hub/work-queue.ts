import { MinHeap } from "#events/hub/min-heap.ts";

/** One queued item. */
export interface Queued {
  readonly id: string;
  readonly key: string;
  /** Position in line, ms: the time it was queued, later for low priority. Waiting does not change it, so what waits gets older and first. */
  readonly rank: number;
}

interface Place extends Queued {
  /** Among equal ranks: first come, first served. */
  readonly order: number;
}

/** Outdated places kept in the line before it is cleaned. */
const OUTDATED = 1_000;

/**
 * Items in line, each once, with at most one running per key. An item of a busy key steps aside until the key is free, so it never holds up
 * others. First come, first served; low priority only means a later place in the same line, so nothing starves.
 */
export class WorkQueue {
  readonly #places = new Map<string, Place>();
  /** The items of each key, in line order. */
  readonly #lanes = new Map<string, MinHeap<Place>>();
  /** At least the first item of every lane that may go; places that no longer hold are skipped when they surface. */
  readonly #line = new MinHeap<Place>(isBefore);
  readonly #busy = new Set<string>();
  /** Keys held back by name of what holds them back, in the order in which they came. */
  readonly #gates = new Map<string, Set<string>>();
  #order = 0;

  /** Queues an item; if it is already in line under the same key it keeps its place, unless the new one is earlier. */
  add(item: Queued): void {
    const known = this.#places.get(item.id);
    if (known?.key === item.key && known.rank <= item.rank) return;
    this.remove(item.id);
    const place: Place = { ...item, order: (this.#order += 1) };
    this.#places.set(item.id, place);
    this.#lane(item.key).push(place);
    if (!this.#busy.has(item.key)) this.#enter(place);
  }

  remove(id: string): void {
    const known = this.#places.get(id);
    if (known === undefined) return;
    this.#places.delete(id);
    if (!this.#busy.has(known.key)) this.#advance(known.key);
  }

  has(id: string): boolean {
    return this.#places.has(id);
  }

  /** Takes the first item whose key is free, and marks the key busy. */
  take(): Queued | undefined {
    for (let next = this.#line.pop(); next !== undefined; next = this.#line.pop()) {
      if (this.#places.get(next.id) !== next || this.#busy.has(next.key)) continue;
      this.#busy.add(next.key);
      this.remove(next.id);
      return next;
    }
    return undefined;
  }

  /** Takes up to `most` other items of a busy key that `match`, in line order. For functions that serve a whole key at once. */
  takeAll(key: string, match: (id: string) => boolean, most = Infinity): Queued[] {
    const lane = this.#lanes.get(key);
    const taken: Place[] = [];
    const left: Place[] = [];
    while (taken.length < most) {
      const next = lane?.pop();
      if (next === undefined) break;
      if (this.#places.get(next.id) === next) (match(next.id) ? taken : left).push(next);
    }
    for (const place of left) lane?.push(place);
    for (const { id } of taken) this.#places.delete(id);
    return taken;
  }

  /** The key's run has ended; its items step back in line. */
  release(key: string): void {
    this.#busy.delete(key);
    this.#advance(key);
  }

  /** Puts an item that was taken back in its place, and its key aside until the gate is opened for it. */
  hold(item: Queued, gate: string): void {
    const place: Place = { ...item, order: 0 };
    this.#places.set(item.id, place);
    this.#lane(item.key).push(place);
    this.#busy.delete(item.key);
    const keys = this.#gates.get(gate);
    if (keys === undefined) this.#gates.set(gate, new Set([item.key]));
    else keys.add(item.key);
  }

  /** Lets up to `count` of the keys that wait at a gate back in line; returns how many came. */
  openGate(gate: string, count: number): number {
    const keys = [...(this.#gates.get(gate) ?? [])].slice(0, count);
    for (const key of keys) {
      this.#gates.get(gate)?.delete(key);
      if (!this.#busy.has(key)) this.#advance(key);
    }
    if (this.#gates.get(gate)?.size === 0) this.#gates.delete(gate);
    return keys.length;
  }

  /** Gates at which keys wait. */
  gates(): string[] {
    return [...this.#gates.keys()];
  }

  isBusy(key: string): boolean {
    return this.#busy.has(key);
  }

  get length(): number {
    return this.#places.size;
  }

  get inFlight(): number {
    return this.#busy.size;
  }

  /** Rank of the item that has waited longest, for the age of the queue. */
  oldest(): number | undefined {
    let oldest: number | undefined;
    for (const { rank } of this.#places.values()) if (oldest === undefined || rank < oldest) oldest = rank;
    return oldest;
  }

  #lane(key: string): MinHeap<Place> {
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const made = new MinHeap<Place>(isBefore);
    this.#lanes.set(key, made);
    return made;
  }

  /** Lets the first item of a free key step in line. */
  #advance(key: string): void {
    const lane = this.#lanes.get(key);
    for (let first = lane?.peek(); first !== undefined; first = lane?.peek()) {
      if (this.#places.get(first.id) === first) {
        this.#enter(first);
        return;
      }
      lane?.pop();
    }
    this.#lanes.delete(key);
  }

  #enter(place: Place): void {
    this.#line.push(place);
    if (this.#line.length <= 2 * this.#places.size + OUTDATED) return;
    const kept = new Set<Place>();
    this.#line.retain((each) => {
      const wanted = this.#places.get(each.id) === each && !kept.has(each);
      return wanted && kept.add(each) !== undefined;
    });
  }
}

function isBefore(a: Place, b: Place): boolean {
  return a.rank < b.rank || (a.rank === b.rank && a.order < b.order);
}
