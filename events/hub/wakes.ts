import { indexValues, type Change } from "#events/hub/collection.ts";
import { collectionName, objectName, scopeName, type Scope } from "#events/hub/names.ts";
import type { Edge } from "#functions/contract/relations.ts";
import type { Connection, ObjectRef, ResourceView } from "#platform/kube/view.ts";

/** Which stream has to be watched so that an object of this view, in this namespace of this API server, is seen. */
export type ScopeOf = (
  view: ResourceView<unknown>,
  connection: Connection,
  namespace: string | undefined,
) => Scope;

/** Told when a stream is looked at for the first time, and when nobody looks at it any more. */
export interface DemandListener {
  wanted(view: ResourceView<unknown>, scope: Scope): void;
  unwanted(view: ResourceView<unknown>, scope: Scope): void;
}

interface Demand {
  readonly view: ResourceView<unknown>;
  readonly scope: Scope;
  count: number;
}

/**
 * Who looks at what. From the edges of every object it knows, in both directions: which objects a change wakes, and which streams have
 * to be watched at all.
 */
export class Wakes {
  readonly #scopeOf: ScopeOf;
  readonly #listener: DemandListener;
  readonly #edges = new Map<string, ReadonlyMap<string, Demand>>();
  readonly #owners = new Map<string, Set<string>>();
  readonly #demands = new Map<string, Demand>();

  constructor(scopeOf: ScopeOf, listener: DemandListener) {
    this.#scopeOf = scopeOf;
    this.#listener = listener;
  }

  /** Replaces what `owner` looks at. */
  set(owner: string, edges: readonly Edge[]): void {
    const before = this.#edges.get(owner);
    const now = new Map(edges.map((edge) => [edgeKey(edge), this.#demand(edge)]));
    for (const [key, demand] of now) if (!before?.has(key)) this.#attach(owner, key, demand);
    for (const [key, demand] of before ?? []) if (!now.has(key)) this.#detach(owner, key, demand);
    if (now.size === 0) this.#edges.delete(owner);
    else this.#edges.set(owner, now);
  }

  /** The objects that look at what changed: at its old or at its new shape. */
  woken(change: Change): ReadonlySet<string> {
    return this.#ownersOf(changedKeys(change));
  }

  /** The objects that name this one, whatever it is like. */
  naming(view: ResourceView<unknown>, ref: ObjectRef): ReadonlySet<string> {
    const name = objectName(view.type, ref);
    return this.#ownersOf([`object|change|${name}`, `object|membership|${name}`]);
  }

  #ownersOf(keys: Iterable<string>): ReadonlySet<string> {
    const found = new Set<string>();
    for (const key of keys) for (const owner of this.#owners.get(key) ?? []) found.add(owner);
    return found;
  }

  #demand(edge: Edge): Demand {
    const at = edge.kind === "object" ? edge.ref : edge.query;
    const scope = this.#scopeOf(
      edge.view,
      at.connection,
      edge.view.type.namespaced ? at.namespace : undefined,
    );
    const name = scopeName(edge.view.type, scope);
    const known = this.#demands.get(name);
    if (known !== undefined) return known;
    const made: Demand = { view: edge.view, scope, count: 0 };
    this.#demands.set(name, made);
    return made;
  }

  #attach(owner: string, key: string, demand: Demand): void {
    const owners = this.#owners.get(key);
    if (owners === undefined) this.#owners.set(key, new Set([owner]));
    else owners.add(owner);
    demand.count += 1;
    if (demand.count === 1 && demand.scope.connection !== "hub")
      this.#listener.wanted(demand.view, demand.scope);
  }

  #detach(owner: string, key: string, demand: Demand): void {
    const owners = this.#owners.get(key);
    owners?.delete(owner);
    if (owners?.size === 0) this.#owners.delete(key);
    demand.count -= 1;
    if (demand.count > 0) return;
    this.#demands.delete(scopeName(demand.view.type, demand.scope));
    if (demand.scope.connection !== "hub") this.#listener.unwanted(demand.view, demand.scope);
  }
}

function edgeKey(edge: Edge): string {
  if (edge.kind === "object") return `object|${edge.wake}|${objectName(edge.view.type, edge.ref)}`;
  const { connection, namespace, index, value } = edge.query;
  return `index|${edge.wake}|${collectionName(edge.view.type, connection)}|${namespace ?? "*"}|${index}=${value}`;
}

/** Every key under which somebody may look at what changed. A namesake, another uid under the name, is one gone and one come. */
function* changedKeys({ view, old, new: now }: Change): Generator<string> {
  const meta = (now ?? old)?.seen.meta;
  if (meta === undefined) return;
  const same = old !== undefined && now !== undefined && old.seen.meta.uid === now.seen.meta.uid;
  const object = objectName(view.type, meta);
  yield `object|change|${object}`;
  if (!same) yield `object|membership|${object}`;
  const before = new Set(indexValues(old));
  const after = new Set(indexValues(now));
  const members = same ? before.symmetricDifference(after) : before.union(after);
  const collection = collectionName(view.type, meta.connection);
  for (const namespace of ["*", ...(meta.namespace === undefined ? [] : [meta.namespace])]) {
    for (const value of before.union(after)) yield `index|change|${collection}|${namespace}|${value}`;
    for (const value of members) yield `index|membership|${collection}|${namespace}|${value}`;
  }
}
