import type { Change } from "#events/hub/collection.ts";
import { objectName } from "#events/hub/names.ts";
import type { HubParts } from "#events/hub/parts.ts";
import type { AwaitedObject } from "#events/hub/records.ts";
import type { ObjectRef, Places, ResourceView } from "#platform/kube/view.ts";

/** After so long without a taker a free place is everybody's. */
const TAKEN_WITHIN_MS = 1_000;

interface CallParts extends HubParts {
  /** Judges an item again. */
  readonly call: (id: string) => void;
}

/**
 * Calls those who wait for an object that has changed. Who waits for a place of it is called only when there is one, and of many as many as
 * there are places, in the order in which they began to wait. Someone who was called may turn out not to want it any more, or not to be able
 * to take it, and then nothing changes that would call the next: so places that are still free a little later call everybody.
 */
export class PlaceCalls {
  readonly #parts: CallParts;
  readonly #later = new Map<string, () => void>();

  constructor(parts: CallParts) {
    this.#parts = parts;
  }

  /** The items to judge now. */
  called({ view, new: now, old }: Change): readonly string[] {
    const meta = (now ?? old)?.seen.meta;
    if (meta === undefined) return [];
    const object = objectName(view.type, meta);
    const waiters = this.#parts.items.waits.waitingFor(object);
    if (waiters.size === 0) return [];
    const places = now && view.places?.(now.seen);
    if (now === undefined || places === undefined) return [...waiters.keys()];
    let free = places.free;
    let more = false;
    const called: string[] = [];
    for (const [id, target] of waiters) {
      if (isForPlaceOnly(target, places)) {
        if (target.seen === now.digest) continue;
        more ||= free <= 0;
        if (free <= 0) continue;
        free -= 1;
      }
      called.push(id);
    }
    if (more && places.free > 0) this.#callAllLater(view, meta);
    return called;
  }

  stop(): void {
    for (const cancel of this.#later.values()) cancel();
    this.#later.clear();
  }

  /** A time that is set stands, so that changes on and on cannot put it off. */
  #callAllLater(view: ResourceView<unknown>, ref: ObjectRef): void {
    const object = objectName(view.type, ref);
    if (this.#later.has(object)) return;
    const { options, index, items, call } = this.#parts;
    const cancel = options.clock.schedule(TAKEN_WITHIN_MS, () => {
      this.#later.delete(object);
      const seen = index.entry(view.type, ref)?.seen;
      if (seen === undefined || (view.places?.(seen).free ?? 0) === 0) return;
      for (const id of items.waits.waitingFor(object).keys()) call(id);
    });
    this.#later.set(object, cancel);
  }
}

/** False for those who are called by every change, and for those who know other terms. */
function isForPlaceOnly({ terms }: AwaitedObject, places: Places): boolean {
  return terms === places.terms;
}
