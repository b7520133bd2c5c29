import { indexValues, type Change } from "#events/hub/collection.ts";
import type { FunctionSet } from "#events/hub/function-sets.ts";
import { collectionName, objectName, scopeName, type Scope } from "#events/hub/names.ts";
import type { Edge } from "#functions/contract/relations.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import type { Connection, ObjectRef, ResourceView } from "#platform/kube/view.ts";

/** Which streams have to be watched so that objects of this view, in this namespace or all of an API server, are seen. */
export type ScopesOf = (
  view: ResourceView<unknown>,
  connection: Connection,
  namespace: string | undefined,
) => readonly Scope[];

/** Told when a stream is looked at for the first time, and when nobody looks at it any more. */
export interface DemandListener {
  wanted(view: ResourceView<unknown>, scope: Scope): void;
  unwanted(view: ResourceView<unknown>, scope: Scope): void;
}

interface Demand {
  readonly view: ResourceView<unknown>;
  readonly scopes: readonly Scope[];
  count: number;
}

/** One thing that is looked at, whoever does. */
interface Look {
  readonly key: string;
  readonly demand: Demand;
  /** Objects, by name, with a function that looks at it. Most things are looked at by one object: a set for each would cost megabytes. */
  owners: string | Set<string> | undefined;
}

/** What some functions of an object look at now. */
export interface Looking {
  readonly functions: FunctionSet;
  readonly edges: readonly Edge[];
  /** Beside what they looked at before, instead of in its place. */
  readonly further: boolean;
}

/** Names of objects, each with the functions of it that are meant. */
export type Woken = ReadonlyMap<string, FunctionSet>;

/**
 * Who looks at what. From the edges of every object it knows, in both directions: which functions of which objects a change wakes, and which
 * streams have to be watched at all.
 */
export class Wakes {
  readonly #scopesOf: ScopesOf;
  readonly #listener: DemandListener;
  readonly #looks = new Map<string, Look>();
  readonly #lookedAt = new Map<string, ReadonlyMap<Look, FunctionSet>>();
  readonly #demands = new Map<string, Demand>();

  constructor(scopesOf: ScopesOf, listener: DemandListener) {
    this.#scopesOf = scopesOf;
    this.#listener = listener;
  }

  /** Replaces what these functions of `owner` look at; what its other functions look at stays. */
  set(owner: string, looking: readonly Looking[]): void {
    const replaced = looking.reduce((set, { functions, further }) => (further ? set : set | functions), 0);
    const before = this.#lookedAt.get(owner);
    const now = new Map<Look, FunctionSet>();
    for (const [look, functions] of before ?? []) {
      const left = functions & ~replaced;
      if (left !== 0) now.set(look, left);
    }
    for (const { functions, edges } of looking) {
      for (const edge of edges) {
        const look = this.#look(edge);
        now.set(look, (now.get(look) ?? 0) | functions);
      }
    }
    this.#replace(owner, before, now);
  }

  /** The object is gone: it looks at nothing. */
  forget(owner: string): void {
    this.#replace(owner, this.#lookedAt.get(owner), new Map());
  }

  /** Those that look at what changed: at its old or at its new shape. */
  woken(change: Change): Woken {
    return this.#ownersOf(changedKeys(change));
  }

  /** Those that name this object, whatever it is like. */
  naming(view: ResourceView<unknown>, ref: ObjectRef): Woken {
    const name = objectName(view.type, ref);
    return this.#ownersOf([`object|change|${name}`, `object|membership|${name}`, `object|places|${name}`]);
  }

  #ownersOf(keys: Iterable<string>): Woken {
    const found = new Map<string, FunctionSet>();
    for (const key of keys) {
      const look = this.#looks.get(key);
      if (look === undefined) continue;
      for (const owner of each(look.owners)) {
        const functions = this.#lookedAt.get(owner)?.get(look) ?? 0;
        found.set(owner, (found.get(owner) ?? 0) | functions);
      }
    }
    return found;
  }

  #replace(
    owner: string,
    before: ReadonlyMap<Look, FunctionSet> | undefined,
    now: ReadonlyMap<Look, FunctionSet>,
  ): void {
    for (const look of now.keys()) if (before?.has(look) !== true) this.#attach(owner, look);
    for (const look of before?.keys() ?? []) if (!now.has(look)) this.#detach(owner, look);
    if (now.size === 0) this.#lookedAt.delete(owner);
    else this.#lookedAt.set(owner, now);
  }

  #look(edge: Edge): Look {
    const key = edgeKey(edge);
    const known = this.#looks.get(key);
    if (known !== undefined) return known;
    const made: Look = { key, demand: this.#demand(edge), owners: undefined };
    this.#looks.set(key, made);
    return made;
  }

  #demand(edge: Edge): Demand {
    const at = edge.kind === "object" ? edge.ref : edge.query;
    const { type } = edge.view;
    const scopes = this.#scopesOf(edge.view, at.connection, type.namespaced ? at.namespace : undefined);
    const name = demandName(type, scopes);
    const known = this.#demands.get(name);
    if (known !== undefined) return known;
    const made: Demand = { view: edge.view, scopes, count: 0 };
    this.#demands.set(name, made);
    return made;
  }

  #attach(owner: string, look: Look): void {
    const { demand, owners } = look;
    if (owners === undefined) look.owners = owner;
    else if (typeof owners === "string") look.owners = new Set([owners, owner]);
    else owners.add(owner);
    demand.count += 1;
    if (demand.count === 1) for (const scope of watched(demand)) this.#listener.wanted(demand.view, scope);
  }

  #detach(owner: string, look: Look): void {
    const { key, demand, owners } = look;
    if (typeof owners === "object") owners.delete(owner);
    if (typeof owners !== "object" || owners.size === 0) this.#looks.delete(key);
    demand.count -= 1;
    if (demand.count > 0) return;
    this.#demands.delete(demandName(demand.view.type, demand.scopes));
    for (const scope of watched(demand)) this.#listener.unwanted(demand.view, scope);
  }
}

function demandName(type: ResourceType, scopes: readonly Scope[]): string {
  return scopes.map((scope) => scopeName(type, scope)).join(" ");
}

/** The hub's own objects come by no stream. */
function watched({ scopes }: Demand): readonly Scope[] {
  return scopes.filter(({ connection }) => connection !== "hub");
}

function each(owners: Look["owners"]): Iterable<string> {
  return typeof owners === "string" ? [owners] : (owners ?? []);
}

function edgeKey(edge: Edge): string {
  if (edge.kind === "object") return `object|${edge.wake}|${objectName(edge.view.type, edge.ref)}`;
  const { connection, namespace, index, value } = edge.query;
  return `index|${edge.wake}|${collectionName(edge.view.type, connection)}|${namespace ?? "*"}|${index}=${value}`;
}

/** Every key under which somebody may look at what changed. A namesake, another uid under the name, is one gone and one come. */
function* changedKeys(change: Change): Generator<string> {
  const { view, old, new: now } = change;
  const meta = (now ?? old)?.seen.meta;
  if (meta === undefined) return;
  const same = old !== undefined && now !== undefined && old.seen.meta.uid === now.seen.meta.uid;
  const places = !same || havePlacesChanged(change);
  const object = objectName(view.type, meta);
  yield `object|change|${object}`;
  if (!same) yield `object|membership|${object}`;
  if (places) yield `object|places|${object}`;
  const before = new Set(indexValues(old));
  const after = new Set(indexValues(now));
  const all = before.union(after);
  const members = same ? before.symmetricDifference(after) : all;
  const collection = collectionName(view.type, meta.connection);
  for (const namespace of ["*", ...(meta.namespace === undefined ? [] : [meta.namespace])]) {
    for (const value of all) yield `index|change|${collection}|${namespace}|${value}`;
    for (const value of members) yield `index|membership|${collection}|${namespace}|${value}`;
    for (const value of places ? all : members) yield `index|places|${collection}|${namespace}|${value}`;
  }
}

/** Whether those who look at an object for a place of it have news: other terms, the first place free, or none any more. */
function havePlacesChanged({ view, old, new: now }: Change): boolean {
  const before = old && view.places?.(old.seen);
  const after = now && view.places?.(now.seen);
  return before?.terms !== after?.terms || (before?.free ?? 0) > 0 !== (after?.free ?? 0) > 0;
}
