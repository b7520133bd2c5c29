import type { Attempts } from "#events/hub/backoff.ts";
import type { LedgerRecord } from "#events/hub/records.ts";
import { WaitIndex } from "#events/hub/wait-index.ts";
import type { Cause, ObjectKey, StepFunction, WaitEnd } from "#functions/contract/function.ts";

/** The unit of work: one function for one object, by uid, so that a namesake inherits nothing. */
export interface Item {
  readonly id: string;
  readonly function: StepFunction;
  readonly object: ObjectKey;
  readonly uid: string;
  /** Why it was last looked at. */
  cause: Cause;
  /** Monotonic ms of the first hint since it last ran. */
  hintedAt: number | undefined;
  wait: WaitEnd | undefined;
  record: LedgerRecord | undefined;
  attempts: Attempts | undefined;
  /** Faults in a row that were not the object's own: conflicts and dead API servers. */
  foreignFaults: number;
  /** Most items it may run together with, itself included: less since a batch with it in it broke or took too long. */
  largestBatch: number;
  /** The API server it waits for because it does not answer. */
  heldBy: string | undefined;
  /** Field manager of the last change that made us look; names who keeps undoing what the item does. */
  culprit: string | undefined;
  /** The last replay a person asked for that was heeded. */
  replayed: string | undefined;
  /** How it ended last, for `capfn why`. */
  lastOutcome: string | undefined;
}

export function itemId(fn: StepFunction, uid: string): string {
  return `${fn.name}/${uid}`;
}

/** Items that have something to remember. What is as it should be has none. */
export class Items {
  readonly #items = new Map<string, Item>();
  /** Records of an earlier life, by item id, until their object is seen again. */
  readonly #restored = new Map<string, LedgerRecord>();
  readonly waits = new WaitIndex();
  /** Moves with every change of a record: tells whether the stored ledger is out of date. */
  revision = 0;

  restore(records: Readonly<Record<string, LedgerRecord>>): void {
    for (const [id, record] of Object.entries(records)) this.#restored.set(id, record);
  }

  /** All objects of the function are listed: what none of them claimed belongs to objects that are gone. */
  discardUnclaimed(fn: StepFunction): void {
    for (const id of this.#restored.keys()) {
      if (!id.startsWith(`${fn.name}/`)) continue;
      this.#restored.delete(id);
      this.revision += 1;
    }
  }

  get(id: string): Item | undefined {
    return this.#items.get(id);
  }

  /** The item, made when it is not there yet. */
  open(fn: StepFunction, object: ObjectKey, uid: string, cause: Cause): Item {
    const id = itemId(fn, uid);
    const known = this.#items.get(id);
    if (known !== undefined) return known;
    const item: Item = {
      id,
      function: fn,
      object,
      uid,
      cause,
      hintedAt: undefined,
      wait: undefined,
      record: undefined,
      attempts: undefined,
      foreignFaults: 0,
      largestBatch: Infinity,
      heldBy: undefined,
      culprit: undefined,
      replayed: undefined,
      lastOutcome: undefined,
    };
    this.#items.set(id, item);
    const restored = this.#restored.get(id);
    if (restored !== undefined) {
      this.#restored.delete(id);
      this.remember(item, restored);
    }
    return item;
  }

  /** Whether anything is known of this item, now or from an earlier life. */
  has(id: string): boolean {
    return this.#items.has(id) || this.#restored.has(id);
  }

  /** Replaces the record; with it go all earlier waits. */
  remember(item: Item, record: LedgerRecord | undefined): void {
    if (item.record === undefined && record === undefined) return;
    if (item.record?.kind === "waiting") this.waits.remove(item.id, item.record);
    item.record = record;
    if (record?.kind === "waiting") this.waits.add(item.id, record);
    this.revision += 1;
  }

  /** The item a run was for is the one that counts, also when its object was let go during the run and taken up again. */
  keep(item: Item): void {
    const other = this.open(item.function, item.object, item.uid, item.cause);
    if (other === item) return;
    this.remember(other, undefined);
    item.cause = other.cause;
    item.hintedAt = other.hintedAt;
    this.#items.set(item.id, item);
  }

  drop(id: string): void {
    const item = this.#items.get(id);
    if (item !== undefined) this.remember(item, undefined);
    if (this.#restored.delete(id)) this.revision += 1;
    this.#items.delete(id);
  }

  records(): Record<string, LedgerRecord> {
    const live = [...this.#items].flatMap(([id, { record }]) =>
      record === undefined ? [] : [[id, record] as const],
    );
    return Object.fromEntries([...this.#restored, ...live]);
  }

  values(): IterableIterator<Item> {
    return this.#items.values();
  }

  get size(): number {
    return this.#items.size;
  }
}
