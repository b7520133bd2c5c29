import type { WaitRecord } from "#events/hub/records.ts";

/** Which items wait for which object. A change of the object wakes exactly them. */
export class WaitIndex {
  readonly #waiters = new Map<string, Set<string>>();

  add(item: string, record: WaitRecord): void {
    for (const { object } of record.targets) {
      const items = this.#waiters.get(object);
      if (items === undefined) this.#waiters.set(object, new Set([item]));
      else items.add(item);
    }
  }

  remove(item: string, record: WaitRecord): void {
    for (const { object } of record.targets) {
      const items = this.#waiters.get(object);
      items?.delete(item);
      if (items?.size === 0) this.#waiters.delete(object);
    }
  }

  /** In the order in which they began to wait. */
  waitingFor(object: string): readonly string[] {
    return [...(this.#waiters.get(object) ?? [])];
  }
}
