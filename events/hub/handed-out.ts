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

interface OwnEntry {
  readonly seen: Seen<unknown>;
  readonly indexed: Readonly<Record<string, readonly string[]>>;
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
  /** The newest own write of each object, by name. */
  readonly #own = new Map<string, WrittenObject>();
  /** The same by collection, with the values of the view's indexes. */
  readonly #ownIn = new Map<string, Map<string, OwnEntry>>();
  #ended = false;
  #beyond = false;

  constructor(index: ObjectIndex) {
    this.#index = index;
  }

  /** From now on answers are the snapshot with these writes in it. */
  withWrites(written: readonly WrittenObject[]): this {
    this.#ended = true;
    for (const each of written) {
      const { view, seen } = each;
      const name = objectName(view.type, seen.meta);
      const collection = collectionName(view.type, seen.meta.connection);
      this.#own.set(name, each);
      const entries = this.#ownIn.get(collection) ?? new Map<string, OwnEntry>();
      this.#ownIn.set(collection, entries.set(seen.meta.uid, { seen, indexed: view.indexes?.(seen) ?? {} }));
    }
    return this;
  }

  /** The step's own writes led to objects it has not seen: what it said of the world does not cover them. */
  get isBeyond(): boolean {
    return this.#beyond;
  }

  get<P>(view: ResourceView<P>, ref: ObjectRef): Seen<P> | undefined {
    const name = objectName(view.type, ref);
    const own = this.#own.get(name);
    if (own !== undefined) return typed(view, own.seen);
    if (!this.#objects.has(name)) {
      this.#beyond ||= this.#ended;
      this.#objects.set(name, this.#index.get(view, ref));
    }
    const seen = this.#objects.get(name);
    return seen === undefined ? undefined : typed(view, seen);
  }

  find<P>(view: ResourceView<P>, query: IndexQuery): readonly Seen<P>[] {
    const collection = collectionName(view.type, query.connection);
    const name = `${collection}|${query.namespace ?? "*"}|${query.index}=${query.value}`;
    let found = this.#queries.get(name);
    if (found === undefined) {
      this.#beyond ||= this.#ended;
      found = this.#index.find(view, query);
      this.#queries.set(name, found);
    }
    const own = this.#ownIn.get(collection);
    if (own === undefined) return found.map((seen) => typed(view, seen));
    const untouched = found.filter(({ meta }) => !own.has(meta.uid));
    const matching = [...own.values()]
      .filter(({ seen }) => query.namespace === undefined || query.namespace === seen.meta.namespace)
      .filter(({ indexed }) => indexed[query.index]?.includes(query.value))
      .map(({ seen }) => seen);
    return [...untouched, ...matching].map((seen) => typed(view, seen));
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
