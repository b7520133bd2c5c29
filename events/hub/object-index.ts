import { Collection, type Change, type Entry } from "#events/hub/collection.ts";
import { collectionName, localName, scopeName, type Scope } from "#events/hub/names.ts";
import { project, typed } from "#events/hub/projection.ts";
import { compareVersions, newerVersion } from "#events/hub/versions.ts";
import type { IndexQuery, Lookup } from "#functions/contract/relations.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import type { ObjectRef, ResourceView, Seen } from "#platform/kube/view.ts";

/** What the hub knows of the world: projections of every watched object, of all API servers. Pure memory, no I/O. */
export class ObjectIndex implements Lookup {
  readonly #collections = new Map<string, Collection>();
  readonly #listed = new Set<string>();
  /** Objects repeated so far in a list under way, per scope. */
  readonly #listing = new Map<string, Set<string>>();
  /** Highest version each stream has delivered; streams of one collection do not vouch for each other. */
  readonly #delivered = new Map<string, string>();

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

  listed(view: ResourceView<unknown>, scope: Scope): boolean {
    return (
      scope.connection === "hub" ||
      this.#listed.has(scopeName(view.type, { connection: scope.connection })) ||
      this.#listed.has(scopeName(view.type, scope))
    );
  }

  entry(type: ResourceType, ref: ObjectRef): Entry | undefined {
    return this.#collections.get(collectionName(type, ref.connection))?.get(localName(ref));
  }

  /** Every object of a resource at one API server. */
  all<P>(view: ResourceView<P>, connection: string): readonly Seen<P>[] {
    const collection = this.#collections.get(collectionName(view.type, connection));
    return (collection?.snapshot() ?? []).map(([, { seen }]) => typed(view, seen));
  }

  /** By the name that `objectName` made. */
  byName(name: string): Entry | undefined {
    const cut = name.lastIndexOf("|");
    return this.#collections.get(name.slice(0, cut))?.get(name.slice(cut + 1));
  }

  /** Takes in what a watch or a list says of an object. Throws {@link UnreadableObject}. */
  put(view: ResourceView<unknown>, scope: Scope, object: KubeObject, manager?: string): Change | undefined {
    const collection = this.collection(view, scope.connection);
    this.advance(view, scope, object.metadata.resourceVersion);
    this.#listing.get(scopeName(view.type, scope))?.add(localName(object.metadata));
    return collection.put(project(view, scope.connection, object), { manager, note: noteOn(object) });
  }

  remove(view: ResourceView<unknown>, scope: Scope, object: KubeObject): Change | undefined {
    const collection = this.collection(view, scope.connection);
    this.advance(view, scope, object.metadata.resourceVersion);
    return collection.remove(localName(object.metadata), object.metadata);
  }

  /**
   * Takes in the answer to a write of our own, before the watch tells. Ignored when a stream has already passed that version without
   * the object: then it was deleted meanwhile, and no further event will say so.
   */
  putOwn(view: ResourceView<unknown>, scopes: readonly Scope[], object: KubeObject): Change | undefined {
    const [scope] = scopes;
    if (scope === undefined) return undefined;
    const collection = this.collection(view, scope.connection);
    const passed = scopes.some((each) => {
      const delivered = this.#delivered.get(scopeName(view.type, each));
      return delivered !== undefined && compareVersions(delivered, object.metadata.resourceVersion) >= 0;
    });
    if (passed && collection.get(localName(object.metadata)) === undefined) return undefined;
    return collection.put(project(view, scope.connection, object), {
      manager: undefined,
      note: noteOn(object),
    });
  }

  /** Notes that the stream of this scope has delivered everything up to this version. */
  advance(view: ResourceView<unknown>, scope: Scope, resourceVersion: string): void {
    const name = scopeName(view.type, scope);
    this.#delivered.set(name, newerVersion(this.#delivered.get(name), resourceVersion));
    this.collection(view, scope.connection).advance(resourceVersion);
  }

  /** A complete list of the scope begins. */
  beginList(view: ResourceView<unknown>, scope: Scope): void {
    this.#listing.set(scopeName(view.type, scope), new Set());
  }

  /** The list is complete: what it did not repeat is gone, unless it was written after the list was made. */
  endList(view: ResourceView<unknown>, scope: Scope, resourceVersion: string): Change[] {
    const name = scopeName(view.type, scope);
    const repeated = this.#listing.get(name) ?? new Set<string>();
    const collection = this.collection(view, scope.connection);
    const gone = collection
      .snapshot()
      .filter(
        ([key, { seen }]) =>
          !repeated.has(key) && (scope.namespace === undefined || seen.meta.namespace === scope.namespace),
      )
      .filter(([, { seen }]) => compareVersions(seen.meta.resourceVersion, resourceVersion) <= 0)
      .map(([key]) => key);
    this.#listing.delete(name);
    this.#listed.add(name);
    this.advance(view, scope, resourceVersion);
    return gone.map((key) => collection.remove(key, {})).filter((change) => change !== undefined);
  }

  /** The scope is no longer watched: nothing is known of it any more. */
  forget(view: ResourceView<unknown>, scope: Scope): void {
    this.#listed.delete(scopeName(view.type, scope));
    this.#delivered.delete(scopeName(view.type, scope));
    const collection = this.collection(view, scope.connection);
    for (const [key, { seen }] of collection.snapshot()) {
      if (scope.namespace === undefined || seen.meta.namespace === scope.namespace)
        collection.remove(key, {});
    }
  }

  /** Highest version heard per collection, for a restart that must not list anything older. */
  versions(): Record<string, string> {
    return Object.fromEntries(
      [...this.#collections].flatMap(([name, { progress }]) =>
        progress === undefined ? [] : [[name, progress]],
      ),
    );
  }

  get size(): number {
    return [...this.#collections.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

/** Annotation in which the hub keeps attempts and parks of an object, so that its own restart cannot reset them. */
export const NOTE_ANNOTATION = "capfn.dev/attempts";

function noteOn(object: KubeObject): string | undefined {
  return object.metadata.annotations?.[NOTE_ANNOTATION];
}
