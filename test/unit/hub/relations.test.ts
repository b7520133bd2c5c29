import { describe, expect, it } from "vitest";
import { defineFunction } from "#functions/contract/define.ts";
import { done } from "#functions/contract/outcome.ts";
import type { WakeOn } from "#functions/contract/edge.ts";
import { relations, type Relations } from "#functions/contract/relations.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { Scope } from "#events/hub/names.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, part, partView, widget, widgetView, type Widget } from "#test/support/hub-bench.ts";

const scope = { connection: "management" };

/** A function that has work on every Widget, whatever its relations are like. */
function looking<R>(related: Relations<Widget, R>, name = "widget-look") {
  return defineFunction<Widget, R>({
    name,
    summary: "Looks at a Widget",
    on: ["dev.capfn.object.changed"],
    for: widgetView,
    related,
    needs: () => true,
    inputs: ({ object, related: found, unknown }) => [object.spec, found, unknown],
    condition: "Looked",
    rbac: [],
    uses: ["management"],
    handle: () => Promise.resolve(done()),
  });
}

const bySize = (wake?: WakeOn) =>
  relations(widgetView).matching(
    "parts",
    partView,
    (own) => [{ connection: "management", index: "size", value: String(own.spec.want) }],
    wake === undefined ? {} : { wake },
  );
const byName = (options: { wake?: WakeOn; optional?: boolean } = {}) =>
  relations(widgetView).one(
    "part",
    partView,
    (own) =>
      own.spec.part === undefined
        ? undefined
        : { connection: "management", namespace: "default", name: own.spec.part },
    options,
  );

type Bench = ReturnType<typeof hubBench>;
let answered = 0;
async function started(related: Relations<Widget, unknown>, ...objects: KubeObject[]): Promise<Bench> {
  const bench = hubBench({ functions: [looking(related)] });
  await bench.list(...objects);
  answered = 0;
  await newRuns(bench);
  return bench;
}
/** Names of the objects that were run since the last call. */
async function newRuns(bench: Bench): Promise<string[]> {
  const fresh = bench.runs.slice(answered);
  for (const run of fresh) await run.answer(done());
  answered += fresh.length;
  const names = fresh.map(({ dispatch }) => dispatch.items[0]?.object.name ?? "");
  return names.toSorted();
}

describe("what wakes a function", () => {
  it("is a change of an object it names, and of no other", async () => {
    const bench = await started(
      byName(),
      widget({ version: "1", part: "a" }),
      widget({ name: "two", version: "2", part: "b" }),
      part({ name: "a", version: "3", size: 1 }),
    );
    await bench.see(part({ name: "a", version: "101", size: 2 }));
    expect(await newRuns(bench)).toEqual(["one"]);
    await bench.see(part({ name: "b", version: "102", size: 2 }));
    expect(await newRuns(bench)).toEqual(["two"]);
    await bench.see(part({ name: "c", version: "103", size: 2 }));
    expect(await newRuns(bench)).toEqual([]);
  });

  it("is what it names now, not what it named before", async () => {
    const bench = await started(byName(), widget({ version: "1", part: "a" }));
    await bench.see(widget({ version: "101", part: "b" }));
    await newRuns(bench);
    await bench.see(part({ name: "a", version: "102", size: 2 }));
    expect(await newRuns(bench)).toEqual([]);
    await bench.see(part({ name: "b", version: "103", size: 2 }));
    expect(await newRuns(bench)).toEqual(["one"]);
  });

  it("is a related object leaving it or coming to it: owners of the old and of the new shape both look", async () => {
    const bench = await started(
      bySize(),
      widget({ name: "one", version: "1", want: 1 }),
      widget({ name: "two", version: "2", want: 2 }),
      widget({ name: "three", version: "3", want: 3 }),
      part({ version: "4", size: 1 }),
    );
    await bench.see(part({ version: "101", size: 2 }));
    expect(await newRuns(bench)).toEqual(["one", "two"]);
    await bench.lose(part({ version: "102", size: 2 }));
    expect(await newRuns(bench)).toEqual(["two"]);
  });

  it("with `membership` is only an object coming or going, also as a namesake, not its other changes", async () => {
    const named = await started(byName({ wake: "membership" }), widget({ version: "1", part: "a" }));
    await named.see(part({ name: "a", version: "101", size: 1 }));
    expect(await newRuns(named)).toEqual(["one"]);
    await named.see(part({ name: "a", version: "102", size: 2 }));
    expect(await newRuns(named)).toEqual([]);
    const namesake = part({ name: "a", version: "103", size: 2 });
    await named.see({ ...namesake, metadata: { ...namesake.metadata, uid: "uid-new" } });
    expect(await newRuns(named)).toEqual(["one"]);
    await named.lose({
      ...namesake,
      metadata: { ...namesake.metadata, uid: "uid-new", resourceVersion: "104" },
    });
    expect(await newRuns(named)).toEqual(["one"]);
  });

  it("with `membership` of an index is only what enters or leaves the value it asks for", async () => {
    const bench = await started(
      bySize("membership"),
      widget({ version: "1", want: 1 }),
      part({ name: "a", version: "2", size: 7 }),
    );
    await bench.see(part({ name: "a", version: "101", size: 1 }));
    expect(await newRuns(bench)).toEqual(["one"]);
    await bench.see(part({ name: "b", version: "102", size: 3 }));
    expect(await newRuns(bench)).toEqual([]);
    await bench.see(part({ name: "a", version: "103", size: 4 }));
    expect(await newRuns(bench)).toEqual(["one"]);
  });

  it("with `none` is nothing of that relation", async () => {
    const bench = await started(byName({ wake: "none" }), widget({ version: "1", part: "a" }));
    await bench.see(part({ name: "a", version: "101", size: 1 }));
    expect(await newRuns(bench)).toEqual([]);
  });

  it("of two namespaces asked by the same value is what lies in either, and both are watched", async () => {
    const wanted: (string | undefined)[] = [];
    const related = relations(widgetView).matching("parts", partView, () =>
      ["a", "b"].map((namespace) => ({ connection: "management", namespace, index: "size", value: "1" })),
    );
    const bench = hubBench({
      functions: [looking(related)],
      scopesOf: (_view, connection, namespace) => [{ connection, namespace }],
      demand: {
        wanted: (view, { namespace }) => void (view === partView && wanted.push(namespace)),
        unwanted: () => undefined,
      },
    });
    await bench.hub.start();
    list(bench, widgetView, {}, widget({ version: "1" }));
    await settle();
    expect(wanted).toEqual(["a", "b"]);
    list(bench, partView, { namespace: "a" });
    await settle();
    expect(bench.runs).toHaveLength(0);
    list(bench, partView, { namespace: "b" });
    await settle();
    expect(bench.runs).toHaveLength(1);
    await bench.runs[0]?.answer(done());
    const inB = part({ version: "101", size: 1 });
    bench.hub.receive(
      partView,
      { ...scope, namespace: "b" },
      { type: "added", object: { ...inB, metadata: { ...inB.metadata, namespace: "b" } } },
    );
    await settle();
    expect(bench.runs).toHaveLength(2);
  });
});

describe("what has to be known first", () => {
  it("are the lists of what a function rests on: it does not run before they are complete, so absent means absent", async () => {
    const bench = hubBench({ functions: [looking(byName())] });
    await bench.hub.start();
    list(bench, widgetView, {}, widget({ version: "1", part: "a" }));
    await settle();
    expect(bench.runs).toHaveLength(0);
    bench.hub.receive(partView, scope, { type: "relist", reason: "start" });
    bench.hub.receive(partView, scope, { type: "added", object: part({ name: "a", version: "5", size: 1 }) });
    await settle();
    expect(bench.runs).toHaveLength(0);
    bench.hub.receive(partView, scope, { type: "synced", resourceVersion: "9" });
    await settle();
    expect(bench.runs).toHaveLength(1);
  });

  it("is asked per function: one that rests on nothing else runs at once", async () => {
    const bench = hubBench({
      functions: [looking(byName()), looking(relations(widgetView), "widget-alone")],
    });
    await bench.hub.start();
    list(bench, widgetView, {}, widget({ version: "1", part: "a" }));
    await settle();
    expect(bench.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["widget-alone"]);
  });

  it("is asked per object: one that names nothing runs at once", async () => {
    const bench = hubBench({ functions: [looking(byName())] });
    await bench.hub.start();
    list(bench, widgetView, {}, widget({ version: "1", part: "a" }), widget({ name: "two", version: "2" }));
    await settle();
    expect(bench.runs.map(({ dispatch }) => dispatch.items[0]?.object.name)).toEqual(["two"]);
  });

  it("is not what is optional: the function runs, is told that it is unknown, and looks again when it is known", async () => {
    const bench = hubBench({ functions: [looking(byName({ optional: true }))] });
    await bench.hub.start();
    list(bench, widgetView, {}, widget({ version: "1", part: "a" }));
    await settle();
    const view = () => bench.runs.at(-1)?.dispatch;
    const unknown = () =>
      view()?.function.evaluate(view()?.items[0]?.object ?? expect.fail(), view()?.lookup ?? expect.fail())
        ?.view.unknown;
    expect(unknown()).toEqual(["part"]);
    await bench.runs[0]?.answer(done());
    list(bench, partView, {});
    await settle();
    expect(bench.runs).toHaveLength(2);
    expect(unknown()).toEqual([]);
  });

  it("is unknown again when its stream is no longer watched", async () => {
    const bench = hubBench({ functions: [looking(byName())] });
    await bench.list(widget({ version: "1", part: "a" }), part({ name: "a", version: "2", size: 1 }));
    await bench.runs[0]?.answer(done());
    bench.hub.forget(partView, scope);
    await bench.see(widget({ version: "101", part: "a", want: 9 }));
    expect(bench.runs).toHaveLength(1);
    list(bench, partView, {}, part({ name: "a", version: "2", size: 1 }));
    await settle();
    expect(bench.runs).toHaveLength(2);
  });

  it("is watched exactly while somebody looks at it", async () => {
    const log: string[] = [];
    const bench = hubBench({
      functions: [looking(byName())],
      demand: { wanted: () => log.push("wanted"), unwanted: () => log.push("unwanted") },
    });
    await bench.list(widget({ version: "1", part: "a" }), widget({ name: "two", version: "2", part: "b" }));
    await bench.see(widget({ version: "101" }));
    expect(log).toEqual(["wanted"]);
    await bench.lose(widget({ name: "two", version: "102" }));
    expect(log).toEqual(["wanted", "unwanted"]);
    await bench.see(widget({ version: "103", part: "c" }));
    expect(log).toEqual(["wanted", "unwanted", "wanted"]);
  });
});

function list(
  bench: Bench,
  view: typeof widgetView | typeof partView,
  at: Partial<Scope>,
  ...objects: KubeObject[]
): void {
  bench.hub.receive(view, { ...scope, ...at }, { type: "relist", reason: "start" });
  for (const object of objects) bench.hub.receive(view, { ...scope, ...at }, { type: "added", object });
  bench.hub.receive(view, { ...scope, ...at }, { type: "synced", resourceVersion: "200" });
}
