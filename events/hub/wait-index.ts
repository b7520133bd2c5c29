import type { AwaitedObject, WaitRecord } from "#events/hub/records.ts";

/** Items by id, in the order in which they began to wait, each with what it saw of the object. */
export type Waiters = ReadonlyMap<string, AwaitedObject>;

const NOBODY: Waiters = new Map();

/** Which items wait for which object. A change of the object wakes exactly them. */
export class WaitIndex {
  readonly #waiters = new Map<string, Map<string, AwaitedObject>>();

  add(item: string, record: WaitRecord): void {
    for (const target of record.targets) {
      const waiters = this.#waiters.get(target.object);
      if (waiters === undefined) this.#waiters.set(target.object, new Map([[item, target]]));
      else waiters.set(item, target);
    }
  }

  remove(item: string, record: WaitRecord): void {
    for (const { object } of record.targets) {
      const waiters = this.#waiters.get(object);
      waiters?.delete(item);
      if (waiters?.size === 0) this.#waiters.delete(object);
    }
  }

  waitingFor(object: string): Waiters {
    return this.#waiters.get(object) ?? NOBODY;
  }
}
