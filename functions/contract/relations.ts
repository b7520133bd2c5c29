import * as z from "zod";
import type { Edge, IndexQuery, WakeOn } from "#functions/contract/edge.ts";
import { PredicateFailed } from "#functions/contract/predicate-failed.ts";
import { readSeen } from "#functions/contract/step-data.ts";
import type { ObjectRef, Connection, ResourceView, Seen } from "#platform/kube/view.ts";

export type { Edge, IndexQuery } from "#functions/contract/edge.ts";

/** How a relation wakes, and whether the step can do without it. */
interface RelationOptions {
  readonly wake?: WakeOn;
  /**
   * The function can do its step without this object. Otherwise it is not dispatched before the collection has been listed once, so that
   * "absent" always means absent. What was not evaluated is named in `view.unknown`.
   */
  readonly optional?: boolean;
}

/** Reads of the index that relations are resolved with. Pure: no I/O, no time. */
export interface Lookup {
  get<P>(view: ResourceView<P>, ref: ObjectRef): Seen<P> | undefined;
  /** Objects of one connection whose index `index` has this value. */
  find<P>(view: ResourceView<P>, query: IndexQuery): readonly Seen<P>[];
  /**
   * Whether the collection the reference lies in has had its first complete list and, with a name, whether that object, if it exists, could
   * be read. Otherwise its absence says nothing.
   */
  listed(
    view: ResourceView<unknown>,
    scope: { connection: Connection; namespace?: string | undefined; name?: string },
  ): boolean;
}

/** What relations came to for one object at one moment. */
interface Resolution<R> {
  readonly related: R;
  readonly edges: readonly Edge[];
  /** Relations without a complete list behind them, that the function cannot do without. */
  readonly blockedOn: readonly string[];
  /** The same, for optional relations. */
  readonly unknown: readonly string[];
}

/**
 * The objects a function looks at besides its own, as pure references that may build on each other: Machine, then its Cluster, then
 * the Harvester connection, then the VM. The hub derives from it what to watch and whom to wake, in both directions.
 */
export interface Relations<P, R> {
  /** At most one object, by exact name. `ref` returns undefined when it cannot be named yet. */
  one<N extends string, Q>(
    name: N,
    view: ResourceView<Q>,
    ref: (object: Seen<P>, related: R) => ObjectRef | undefined,
    options?: RelationOptions,
  ): Relations<P, R & { readonly [K in N]: Seen<Q> | undefined }>;
  /** Any number of objects, by exact names, in the order named; absent ones are left out. */
  several<N extends string, Q>(
    name: N,
    view: ResourceView<Q>,
    refs: (object: Seen<P>, related: R) => readonly ObjectRef[],
    options?: RelationOptions,
  ): Relations<P, R & { readonly [K in N]: readonly Seen<Q>[] }>;
  /** Any number of objects, by the values of an index of their view; each once. */
  matching<N extends string, Q>(
    name: N,
    view: ResourceView<Q>,
    queries: (object: Seen<P>, related: R) => readonly IndexQuery[],
    options?: RelationOptions,
  ): Relations<P, R & { readonly [K in N]: readonly Seen<Q>[] }>;
  resolve(object: Seen<P>, lookup: Lookup): Resolution<R>;
  /** The related objects out of JSON, by the views' schemas. Throws `UnfitData`. */
  read(data: Readonly<Record<string, unknown>>): R;
  /** Everything the function may look at, for the watch set and the RBAC rules. */
  readonly views: readonly ResourceView<unknown>[];
}

/** Starts an empty set of relations for functions whose own object is of this view. */
export function relations<P>(_of: ResourceView<P>): Relations<P, object> {
  return make<P, object>({
    views: [],
    resolve: () => ({ related: {}, edges: [], blockedOn: [], unknown: [] }),
    read: () => ({}),
  });
}

type Made<P, R> = Pick<Relations<P, R>, "views" | "resolve" | "read">;

/** What one more relation found, and the edges that lead there. */
interface Found<V> {
  readonly value: V;
  readonly edges: readonly Edge[];
  readonly listed: boolean;
}

/** One more relation: how it is found in the index, and how it is read out of JSON. */
interface Step<P, R, V> {
  readonly view: ResourceView<unknown>;
  readonly optional: boolean | undefined;
  readonly find: (object: Seen<P>, related: R, lookup: Lookup) => Found<V>;
  readonly read: (value: unknown) => V;
}

const listSchema = z.array(z.unknown()).catch([]);

function make<P, R>(base: Made<P, R>): Relations<P, R> {
  const add = <N extends string, V>(name: N, { view, optional, find, read }: Step<P, R, V>) =>
    make<P, R & { readonly [K in N]: V }>({
      views: [...base.views, view],
      resolve: (object, lookup) => {
        const before = base.resolve(object, lookup);
        const found = findAfter(before.edges, () => find(object, before.related, lookup));
        const missing = found.listed ? [] : [name];
        return {
          related: extend(before.related, name, found.value),
          edges: [...before.edges, ...found.edges],
          blockedOn: optional === true ? before.blockedOn : [...before.blockedOn, ...missing],
          unknown: optional === true ? [...before.unknown, ...missing] : before.unknown,
        };
      },
      read: (data) => extend(base.read(data), name, read(data[name])),
    });
  return {
    ...base,
    one: (name, view, ref, options) =>
      add(name, {
        view,
        optional: options?.optional,
        find: (object, related, lookup) => {
          const target = ref(object, related);
          if (target === undefined) return { value: undefined, edges: [], listed: true };
          return {
            value: lookup.get(view, target),
            edges: [{ kind: "object", ref: target, ...edgeTo(view, options) }],
            listed: lookup.listed(view, target),
          };
        },
        read: (value) => (value === undefined ? undefined : readSeen(view, value)),
      }),
    several: (name, view, refs, options) =>
      add(name, {
        view,
        optional: options?.optional,
        find: (object, related, lookup) => {
          const targets = refs(object, related);
          return {
            value: targets.map((ref) => lookup.get(view, ref)).filter((seen) => seen !== undefined),
            edges: targets.map((ref) => ({ kind: "object", ref, ...edgeTo(view, options) })),
            listed: targets.every((ref) => lookup.listed(view, ref)),
          };
        },
        read: (value) => listSchema.parse(value).map((each) => readSeen(view, each)),
      }),
    matching: (name, view, queries, options) =>
      add(name, {
        view,
        optional: options?.optional,
        find: (object, related, lookup) => {
          const asked = queries(object, related);
          const byUid = new Map(
            asked.flatMap((query) => lookup.find(view, query)).map((seen) => [seen.meta.uid, seen]),
          );
          return {
            value: [...byUid.values()],
            edges: asked.map((query) => ({ kind: "index", query, ...edgeTo(view, options) })),
            listed: asked.every((query) => lookup.listed(view, query)),
          };
        },
        read: (value) => listSchema.parse(value).map((each) => readSeen(view, each)),
      }),
  };
}

/** A relation that throws leaves what was looked at before it. */
function findAfter<V>(edges: readonly Edge[], find: () => Found<V>): Found<V> {
  try {
    return find();
  } catch (error) {
    throw new PredicateFailed(error, edges);
  }
}

function edgeTo(view: ResourceView<unknown>, { wake = "change", optional = false }: RelationOptions = {}) {
  return { view, wake, optional };
}

function extend<R, N extends string, V>(related: R, name: N, value: V): R & { readonly [K in N]: V } {
  // A computed key widens to an index signature; the type written here is what the literal is.
  // oxlint-disable-next-line typescript/consistent-type-assertions
  return { ...related, [name]: value } as R & { readonly [K in N]: V };
}
