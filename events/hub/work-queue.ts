/** One queued item. */
export interface Queued {
  readonly id: string;
  readonly key: string;
  /** Position in line, ms: the time it was queued, later for low priority. Waiting does not change it, so what waits gets older and first. */
  readonly rank: number;
}

/**
 * Items in line, each once, with at most one running per key. An item of a busy key steps aside until the key is free, so it never holds up
 * others. First come, first served; low priority only means a later place in the same line, so nothing starves.
 */
export class WorkQueue {
  readonly #queued = new Map<string, Queued>();
  readonly #byKey = new Map<string, Set<string>>();
  readonly #line: Queued[] = [];
  readonly #busy = new Set<string>();

  /** Queues an item; if it is already in line under the same key it keeps its place. */
  add(item: Queued): void {
    const known = this.#queued.get(item.id);
    if (known?.key === item.key && known.rank <= item.rank) return;
    this.remove(item.id);
    this.#queued.set(item.id, item);
    const ids = this.#byKey.get(item.key);
    if (ids === undefined) this.#byKey.set(item.key, new Set([item.id]));
    else ids.add(item.id);
    if (!this.#busy.has(item.key)) insert(this.#line, item);
  }

  remove(id: string): void {
    const known = this.#queued.get(id);
    if (known === undefined) return;
    this.#queued.delete(id);
    const ids = this.#byKey.get(known.key);
    ids?.delete(id);
    if (ids?.size === 0) this.#byKey.delete(known.key);
  }

  has(id: string): boolean {
    return this.#queued.has(id);
  }

  /** Takes the first item whose key is free, and marks the key busy. */
  take(): Queued | undefined {
    for (let next = this.#line.shift(); next !== undefined; next = this.#line.shift()) {
      if (this.#queued.get(next.id) !== next || this.#busy.has(next.key)) continue;
      this.remove(next.id);
      this.#busy.add(next.key);
      return next;
    }
    return undefined;
  }

  /** Takes the other items of a busy key that `match`, in line order. For functions that serve a whole key at once. */
  takeAll(key: string, match: (id: string) => boolean): Queued[] {
    const items = [...(this.#byKey.get(key) ?? [])]
      .filter(match)
      .map((id) => this.#queued.get(id))
      .filter((item) => item !== undefined)
      .sort((a, b) => a.rank - b.rank);
    for (const { id } of items) this.remove(id);
    return items;
  }

  /** The key's run has ended; its items step back in line. */
  release(key: string): void {
    this.#busy.delete(key);
    for (const id of this.#byKey.get(key) ?? []) {
      const item = this.#queued.get(id);
      if (item !== undefined) insert(this.#line, item);
    }
  }

  isBusy(key: string): boolean {
    return this.#busy.has(key);
  }

  get length(): number {
    return this.#queued.size;
  }

  get inFlight(): number {
    return this.#busy.size;
  }

  /** Rank of the item that is first in line, for the age of the queue. */
  oldest(): number | undefined {
    return this.#line.find((item) => this.#queued.get(item.id) === item)?.rank;
  }
}

/** Insertion by rank from the end: what comes now is nearly always the last. */
function insert(line: Queued[], item: Queued): void {
  let at = line.length;
  while (at > 0 && rankAt(line, at - 1) > item.rank) at -= 1;
  line.splice(at, 0, item);
}

function rankAt(line: readonly Queued[], at: number): number {
  return line[at]?.rank ?? 0;
}
