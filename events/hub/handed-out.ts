import { typed } from "#events/hub/projection.ts";
import type { ObjectIndex } from "#events/hub/object-index.ts";
import { collectionName, objectName } from "#events/hub/names.ts";
import type { IndexQuery, Lookup } from "#functions/contract/relations.ts";
import type { Connection, ObjectRef, ResourceView, Seen } from "#platform/kube/view.ts";

/** A projection a step wrote, with the view it belongs to. */
export interface WrittenObject {
  readonly view: ResourceView<unknown>;
  readonly seen: Seen<unknown>;
}

/**
 * Reads of the index that remember their answers: exactly the snapshot a step was handed. Afterwards it can be asked again as that
 * snapshot plus the step's own writes, which tells a foreign change during the run from the step's own.
 */
export class HandedOut implements Lookup {
  readonly #index: ObjectIndex;
  readonly #objects = new Map<string, Seen<unknown> | undefined>();
  readonly #queries = new Map<string, readonly Seen<unknown>[]>();
  /** A list that completes during the run tells something the step has not seen. */
  readonly #listed = new Map<string, boolean>();
  #written: readonly WrittenObject[] = [];

  constructor(index: ObjectIndex) {
    this.#index = index;
  }

  /** From now on answers are the snapshot with these writes in it. */
  withWrites(written: readonly WrittenObject[]): this {
    this.#written = written;
    return this;
  }

  get<P>(view: ResourceView<P>, ref: ObjectRef): Seen<P> | undefined {
    const name = objectName(view.type, ref);
    const own = this.#written.findLast((each) => objectName(each.view.type, each.seen.meta) === name);
    if (own !== undefined) return typed(view, own.seen);
    if (!this.#objects.has(name)) this.#objects.set(name, this.#index.get(view, ref));
    const seen = this.#objects.get(name);
    return seen === undefined ? undefined : typed(view, seen);
  }

  find<P>(view: ResourceView<P>, query: IndexQuery): readonly Seen<P>[] {
    const collection = collectionName(view.type, query.connection);
    const name = `${collection}|${query.namespace ?? "*"}|${query.index}=${query.value}`;
    const found = this.#queries.get(name) ?? this.#index.find(view, query);
    this.#queries.set(name, found);
    const own = this.#written.filter(
      ({ view: written, seen: { meta } }) =>
        collectionName(written.type, meta.connection) === collection &&
        (query.namespace === undefined || query.namespace === meta.namespace),
    );
    const untouched = found.filter(({ meta }) => !own.some(({ seen }) => seen.meta.uid === meta.uid));
    const matching = own
      .map(({ seen }) => typed(view, seen))
      .filter((seen) => view.indexes?.(seen)[query.index]?.includes(query.value));
    return [...untouched.map((seen) => typed(view, seen)), ...matching];
  }

  listed(
    view: ResourceView<unknown>,
    scope: { connection: Connection; namespace?: string | undefined; name?: string },
  ): boolean {
    const collection = collectionName(view.type, scope.connection);
    const name = `${collection}|${scope.namespace ?? "*"}|${scope.name ?? "*"}`;
    const listed = this.#listed.get(name) ?? this.#index.listed(view, scope);
    this.#listed.set(name, listed);
    return listed;
  }
}
