import type { Evaluation, RunItem, StepFunction, WaitEnd } from "#functions/contract/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import type { IndexQuery, Lookup } from "#functions/contract/relations.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { MANAGEMENT, type ObjectRef, type ResourceView, type Seen } from "#platform/kube/view.ts";
import type { FakeApi } from "#test/support/fake-api.ts";
import { metaOf, type FakeDeps } from "#test/support/step-deps.ts";

export interface StepWorldOptions {
  /** Connections without a complete list, e.g. `harvester`. */
  readonly down?: readonly string[];
  /** Collections without a complete list on any connection, by plural. */
  readonly unlisted?: readonly string[];
  /** Objects of the hub itself, such as ConnectionStates, by name. */
  readonly hub?: Readonly<Record<string, unknown>>;
}

/** Runs functions over the objects of in-memory API servers, as the hub would: predicate, key, newest snapshot, step. */
export interface StepWorld {
  /** What the function's index holds now; a run over an old one is a run with a stale index. */
  snapshot(fn: StepFunction): Promise<Lookup>;
  evaluate(fn: StepFunction, machine: string, lookup?: Lookup): Promise<Evaluation>;
  /** One dispatch of these objects, whether they need it or not; outcomes by object name. */
  run(
    fn: StepFunction,
    names: readonly string[],
    how?: { lookup?: Lookup; wait?: WaitEnd },
  ): Promise<Record<string, Outcome>>;
  /** Dispatches what needs it, key by key, until nothing does or the outcomes ask to wait. Returns all outcomes in order. */
  settle(fns: readonly StepFunction[], names: readonly string[]): Promise<Outcome[]>;
}

export function stepWorld(deps: FakeDeps, namespace: string, options: StepWorldOptions = {}): StepWorld {
  const snapshot = async (fn: StepFunction): Promise<Lookup> => {
    const objects = new Map<string, readonly Seen<unknown>[]>();
    const views = [fn.for, ...fn.views];
    for (const view of views) {
      for (const [connection, api] of apisOf(deps)) {
        objects.set(`${connection} ${view.type.plural}`, await everything(api, deps, connection, view));
      }
    }
    const all = <P>(view: ResourceView<P>, connection: string): readonly Seen<P>[] => {
      if (connection === "hub") {
        return Object.entries(options.hub ?? {}).map(([name, body]) => ({
          ...view.schema.parse(body),
          meta: { connection: "hub", name, uid: name, resourceVersion: "1" },
        }));
      }
      const api = connection === MANAGEMENT ? MANAGEMENT : (connection.split("/")[0] ?? "");
      return (objects.get(`${api} ${view.type.plural}`) ?? []).map((seen) => ({
        ...(seen as Seen<P>),
        meta: { ...seen.meta, connection },
      }));
    };
    const inScope = (seen: Seen<unknown>, at: { namespace?: string | undefined }): boolean =>
      at.namespace === undefined || seen.meta.namespace === undefined || seen.meta.namespace === at.namespace;
    const isDown = (connection: string): boolean =>
      (options.down ?? []).includes(connection.split("/")[0] ?? "");
    return {
      get: <P>(view: ResourceView<P>, ref: ObjectRef) =>
        isDown(ref.connection)
          ? undefined
          : all(view, ref.connection).find((seen) => inScope(seen, ref) && seen.meta.name === ref.name),
      find: <P>(view: ResourceView<P>, query: IndexQuery) =>
        isDown(query.connection)
          ? []
          : all(view, query.connection).filter(
              (seen) =>
                inScope(seen, query) && view.indexes?.(seen)[query.index]?.includes(query.value) === true,
            ),
      listed: (view, { connection }) =>
        !isDown(connection) && !(options.unlisted ?? []).includes(view.type.plural),
    };
  };
  const full = async (fn: StepFunction, lookup?: Lookup): Promise<Lookup> => lookup ?? (await snapshot(fn));
  const at = (name: string) => ({ connection: MANAGEMENT, namespace, name });
  const evaluate = async (fn: StepFunction, name: string, lookup?: Lookup): Promise<Evaluation> => {
    const evaluation = fn.evaluate(at(name), await full(fn, lookup));
    if (evaluation === undefined) throw new Error(`${name} does not exist`);
    return evaluation;
  };
  const run: StepWorld["run"] = async (fn, names, how = {}) => {
    const lookup = await full(fn, how.lookup);
    const byUid = new Map(
      names.map((name) => [fn.evaluate(at(name), lookup)?.view.object.meta.uid ?? name, name]),
    );
    const items: RunItem[] = names.map((name) => ({ object: at(name), cause, wait: how.wait }));
    const outcomes = await fn.run(items, lookup, deps);
    return Object.fromEntries([...outcomes].map(([uid, outcome]) => [byUid.get(uid) ?? uid, outcome]));
  };
  return {
    snapshot,
    evaluate,
    run,
    settle: async (fns, names) => {
      const outcomes: Outcome[] = [];
      const waiting = new Map<string, string>();
      for (let pass = 0; pass < 50; pass += 1) {
        const due = await nextKey(fns, names, { at, full }, waiting);
        if (due === undefined) return outcomes;
        const results = await run(due.fn, due.names);
        for (const name of due.names) waiting.set(`${due.fn.name} ${name}`, due.inputs);
        outcomes.push(...Object.values(results));
      }
      throw new Error("the functions do not come to rest");
    },
  };
}

const cause = {
  id: "test/1",
  type: "dev.capfn.machine.changed",
  source: "/clusters/test",
  time: "2026-01-01T00:00:00Z",
} as const;

/** The first function with work, and all objects of its first key. An object that ran is left alone until something changes. */
async function nextKey(
  fns: readonly StepFunction[],
  names: readonly string[],
  { at, full }: { at: (name: string) => ObjectRef; full: (fn: StepFunction) => Promise<Lookup> },
  waiting: ReadonlyMap<string, string>,
): Promise<{ fn: StepFunction; names: string[]; inputs: string } | undefined> {
  for (const fn of fns) {
    const lookup = await full(fn);
    const due = names.flatMap((name) => {
      const evaluation = fn.evaluate(at(name), lookup);
      if (evaluation === undefined || evaluation.blockedOn.length > 0 || evaluation.need !== true) return [];
      const inputs = JSON.stringify(evaluation.view);
      return waiting.get(`${fn.name} ${name}`) === inputs ? [] : [{ name, key: evaluation.key, inputs }];
    });
    const [first] = due;
    if (first === undefined) continue;
    const together = fn.batch ? due.filter(({ key }) => key === first.key) : [first];
    return { fn, names: together.map(({ name }) => name), inputs: first.inputs };
  }
  return undefined;
}

function apisOf(deps: FakeDeps): [string, FakeApi][] {
  return [
    ["management", deps.management],
    ["harvester", deps.harvesterApi],
    ["workload", deps.workloadApi],
  ];
}

/** Reads as the hub's watch does: not as requests of a step. */
async function everything(
  api: FakeApi,
  deps: FakeDeps,
  connection: string,
  view: ResourceView<unknown>,
): Promise<readonly Seen<unknown>[]> {
  const before = deps.requests.length;
  const found: KubeObject[] = [];
  for await (const object of api.list(view.type)) found.push(object);
  deps.requests.length = before;
  return found.map((object) => ({
    ...(view.schema.parse(object) as object),
    meta: metaOf(object, connection),
  }));
}
