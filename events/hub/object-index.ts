import { Collection, type Change, type Entry } from "#events/hub/collection.ts";
import { Interning } from "#events/hub/interning.ts";
import { Lists } from "#events/hub/lists.ts";
import {
  collectionName,
  connectionPrefix,
  localName,
  objectName,
  parseObjectName,
  scopeName,
  type Scope,
} from "#events/hub/names.ts";
import { projectionOf, typed, type Projection } from "#events/hub/projection.ts";
import { compareVersions, newerVersion } from "#events/hub/versions.ts";
import type { IndexQuery, Lookup } from "#functions/contract/relations.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import { MANAGEMENT, type ObjectRef, type ResourceView, type Seen } from "#platform/kube/view.ts";

/** What a complete list did to the index. */
export type ListEnd =
  /** `cleared`: objects that could not be read and are gone. */
  | { readonly kind: "taken"; readonly changes: readonly Change[]; readonly cleared: readonly ObjectRef[] }
  /** It was older than what is known, and changed nothing. */
  | { readonly kind: "stale"; readonly floor: string };

/** What a stream said of an object: its projection, unless a list holds it back, and what that changed. */
export interface Arrival {
  readonly projection?: Projection;
  readonly change?: Change | undefined;
}

/** What the hub knows of the world: projections of every watched object, of all API servers. Pure memory, no I/O. */
export class ObjectIndex implements Lookup {
  /** Namespaces of the management cluster that are listed one by one; undefined when they are listed together. */
  readonly #namespaces: readonly string[] | undefined;
  readonly #collections = new Map<string, Collection>();
  readonly #listed = new Set<string>();
  readonly #lists = new Lists();
  readonly #interning = new Interning();
  /** Highest version each stream has delivered; streams of one collection do not vouch for each other. */
  readonly #delivered = new Map<string, string>();
  /** Objects whose newest version cannot be read. What was known before stays, but nobody may rest on it. */
  readonly #unreadable = new Set<string>();

  constructor(namespaces?: readonly string[]) {
    this.#namespaces = namespaces;
  }

  collection(view: ResourceView<unknown>, connection: string): Collection {
    const name = collectionName(view.type, connection);
    const known = this.#collections.get(name);
    if (known !== undefined) return known;
    const made = new Collection(view);
    this.#collections.set(name, made);
    return made;
  }

  get<P>(view: ResourceView<P>, ref: ObjectRef): Seen<P> | undefined {
    const entry = this.entry(view.type, ref);
    return entry === undefined ? undefined : typed(view, entry.seen);
  }

  find<P>(view: ResourceView<P>, query: IndexQuery): readonly Seen<P>[] {
    const collection = this.#collections.get(collectionName(view.type, query.connection));
    return (collection?.find(query.index, query.value, query.namespace) ?? []).map(({ seen }) =>
      typed(view, seen),
    );
  }

  /** Every object of one resource at one API server. */
  all<P>(view: ResourceView<P>, connection: string): readonly Seen<P>[] {
    const entries = this.#collections.get(collectionName(view.type, connection))?.snapshot() ?? [];
    return entries.map(([, { seen }]) => typed(view, seen));
  }

  listed(view: ResourceView<unknown>, scope: Scope & { readonly name?: string }): boolean {
    const { connection, namespace, name } = scope;
    if (name !== undefined && !this.isReadable(view, { ...scope, name })) return false;
    if (connection === MANAGEMENT && namespace === undefined && view.type.namespaced && this.#namespaces)
      return this.#namespaces.every((each) => this.listed(view, { connection, namespace: each }));
    return (
      connection === "hub" ||
      this.#listed.has(scopeName(view.type, { connection })) ||
      this.#listed.has(scopeName(view.type, scope))
    );
  }

  entry(type: ResourceType, ref: ObjectRef): Entry | undefined {
    return this.#collections.get(collectionName(type, ref.connection))?.get(localName(ref));
  }

  isReadable(view: ResourceView<unknown>, ref: ObjectRef): boolean {
    return this.#unreadable.size === 0 || !this.#unreadable.has(objectName(view.type, ref));
  }

  /**
   * Takes in what a stream says of an object; during a list it only is put by. Throws {@link UnreadableObject}: then the object counts as
   * there and unknown until a readable version comes.
   */
  put(view: ResourceView<unknown>, scope: Scope, object: KubeObject, manager?: string): Arrival {
    const name = objectName(view.type, { connection: scope.connection, ...object.metadata });
    const stream = scopeName(view.type, scope);
    let projection: Projection;
    try {
      projection = projectionOf(view, scope.connection, object, manager);
      this.#interning.within([projection.seen, projection.indexed]);
    } catch (error) {
      this.#unreadable.add(name);
      if (!this.#lists.add(stream, object, undefined))
        this.advance(view, scope, object.metadata.resourceVersion);
      throw error;
    }
    this.#unreadable.delete(name);
    if (this.#lists.add(stream, object, projection)) return {};
    this.advance(view, scope, object.metadata.resourceVersion);
    return { projection, change: this.collection(view, scope.connection).put(projection) };
  }

  remove(view: ResourceView<unknown>, scope: Scope, object: KubeObject): Change | undefined {
    this.#unreadable.delete(objectName(view.type, { connection: scope.connection, ...object.metadata }));
    this.#lists.remove(scopeName(view.type, scope), object);
    this.advance(view, scope, object.metadata.resourceVersion);
    return this.collection(view, scope.connection).remove(localName(object.metadata), object.metadata);
  }

  /**
   * Takes in the answer to a write of our own, before the stream tells. Ignored where no stream would ever correct it, and when the stream
   * has already passed that version without the object: then it was deleted meanwhile, and no further event will say so.
   */
  putOwn(view: ResourceView<unknown>, scope: Scope, written: Projection): Change | undefined {
    if (!this.listed(view, scope)) return undefined;
    const { meta } = written.seen;
    const collection = this.collection(view, scope.connection);
    const delivered = this.#delivered.get(scopeName(view.type, scope));
    const passed = delivered !== undefined && compareVersions(delivered, meta.resourceVersion) >= 0;
    return passed && collection.get(localName(meta)) === undefined ? undefined : collection.put(written);
  }

  /** A write of our own ended the object, which its stream will still say. */
  removeOwn(view: ResourceView<unknown>, { seen: { meta } }: Projection): Change | undefined {
    return this.collection(view, meta.connection).end(localName(meta), meta);
  }

  /** Notes that the stream of this scope has delivered everything up to this version. */
  advance(view: ResourceView<unknown>, scope: Scope, resourceVersion: string): void {
    const name = scopeName(view.type, scope);
    this.#delivered.set(name, newerVersion(this.#delivered.get(name), resourceVersion));
    this.collection(view, scope.connection).advance(resourceVersion);
  }

  /** How far the stream of this scope has come; undefined before its first complete list. */
  delivered(view: ResourceView<unknown>, scope: Scope): string | undefined {
    return this.#delivered.get(scopeName(view.type, scope));
  }

  /** A complete list of the scope begins. `floor`: what an earlier life of the hub had heard. */
  beginList(
    view: ResourceView<unknown>,
    scope: Scope,
    how: { floor?: string | undefined; rewound: boolean },
  ) {
    const name = scopeName(view.type, scope);
    const known = this.#delivered.get(name);
    const floor = how.floor === undefined ? known : newerVersion(known, how.floor);
    this.#lists.begin(name, { floor: how.rewound ? undefined : floor, rewound: how.rewound });
  }

  /** The list is complete: what it did not repeat is gone, unless it was written after the list was made. */
  endList(view: ResourceView<unknown>, scope: Scope, resourceVersion: string): ListEnd {
    const name = scopeName(view.type, scope);
    const list = this.#lists.end(name);
    if (list === undefined) return { kind: "taken", changes: [], cleared: [] };
    const { shown, floor, rewound } = list;
    if (floor !== undefined && compareVersions(resourceVersion, floor) < 0) return { kind: "stale", floor };
    const collection = this.collection(view, scope.connection);
    if (rewound) {
      this.#delivered.delete(name);
      collection.rewind();
    }
    const gone = this.#within(collection, scope).filter(
      ([key, { seen }]) =>
        !shown.has(key) && (rewound || compareVersions(seen.meta.resourceVersion, resourceVersion) <= 0),
    );
    const changes = [
      ...gone.map(([key]) => collection.remove(key, {})),
      ...[...shown.values()].map((projection) => projection && collection.put(projection, rewound)),
    ];
    collection.settleEnded(
      (local, uid) => !isWithin(scope, local) || shown.get(local)?.seen.meta.uid === uid,
    );
    const cleared = this.#clearUnreadable(view, scope, shown);
    this.#listed.add(name);
    this.advance(view, scope, resourceVersion);
    return { kind: "taken", changes: changes.filter((change) => change !== undefined), cleared };
  }

  /** The scope is no longer watched: nothing is known of it any more. */
  forget(view: ResourceView<unknown>, scope: Scope): Change[] {
    const name = scopeName(view.type, scope);
    this.#listed.delete(name);
    this.#delivered.delete(name);
    this.#lists.end(name);
    this.#clearUnreadable(view, scope, new Map());
    const collection = this.collection(view, scope.connection);
    collection.settleEnded((local) => !isWithin(scope, local));
    return this.#within(collection, scope)
      .map(([key]) => collection.remove(key, {}))
      .filter((change) => change !== undefined);
  }

  /** All that is known of one API server is void. Returns what has gone with it. */
  drop(connection: string): Change[] {
    const prefix = connectionPrefix(connection);
    const isHere = (name: string) => name.startsWith(prefix);
    for (const known of [this.#listed, this.#unreadable])
      for (const name of known) if (isHere(name)) known.delete(name);
    for (const name of this.#delivered.keys()) if (isHere(name)) this.#delivered.delete(name);
    this.#lists.drop(prefix);
    const dropped = [...this.#collections].filter(([name]) => isHere(name));
    for (const [name] of dropped) this.#collections.delete(name);
    return dropped
      .flatMap(([, collection]) => collection.snapshot().map(([name]) => collection.remove(name, {})))
      .filter((change) => change !== undefined);
  }

  /** Local name and resourceVersion of every object of a scope. */
  versionsIn(view: ResourceView<unknown>, scope: Scope): Map<string, string> {
    const entries = this.#within(this.collection(view, scope.connection), scope);
    return new Map(entries.map(([name, { seen }]) => [name, seen.meta.resourceVersion]));
  }

  /** Local names of objects of a scope whose newest version cannot be read. */
  unreadableIn(view: ResourceView<unknown>, scope: Scope): string[] {
    return this.#unreadableOf(view, scope).map(({ local }) => local);
  }

  /** A complete list of the scope is under way. */
  isListing(view: ResourceView<unknown>, scope: Scope): boolean {
    return this.#lists.has(scopeName(view.type, scope));
  }

  /** Highest version heard per collection, for a restart that must not list anything older. */
  versions(): Record<string, string> {
    return Object.fromEntries(
      [...this.#collections].flatMap(([name, { progress }]) =>
        progress === undefined || name.startsWith("hub|") ? [] : [[name, progress]],
      ),
    );
  }

  get size(): number {
    return [...this.#collections.values()].reduce((sum, { size }) => sum + size, 0);
  }

  #within(collection: Collection, { namespace }: Scope): [string, Entry][] {
    const all = collection.snapshot();
    return namespace === undefined ? all : all.filter(([, { seen }]) => seen.meta.namespace === namespace);
  }

  /** Objects that could not be read and that a complete list has not shown. */
  #clearUnreadable(
    view: ResourceView<unknown>,
    scope: Scope,
    shown: ReadonlyMap<string, unknown>,
  ): ObjectRef[] {
    const gone = this.#unreadableOf(view, scope).filter(({ local }) => !shown.has(local));
    for (const { ref } of gone) this.#unreadable.delete(objectName(view.type, ref));
    return gone.map(({ ref }) => ref);
  }

  #unreadableOf(view: ResourceView<unknown>, { connection, namespace }: Scope) {
    const within = collectionName(view.type, connection);
    return [...this.#unreadable]
      .map(parseObjectName)
      .filter(
        ({ collection, ref }) =>
          collection === within && (namespace === undefined || ref.namespace === namespace),
      );
  }
}

function isWithin({ namespace }: Scope, local: string): boolean {
  return namespace === undefined || local.startsWith(`${namespace}/`);
}
