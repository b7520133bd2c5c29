import { describe, expect, it } from "vitest";
import { done } from "#functions/contract/outcome.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const scope = { connection: "management" };
type Bench = ReturnType<typeof hubBench>;

async function relist(
  bench: Bench,
  objects: readonly KubeObject[],
  resourceVersion: string,
  how: { rewound?: boolean } = {},
): Promise<void> {
  bench.hub.receive(widgetView, scope, { type: "relist", reason: "expired", ...how });
  for (const object of objects) bench.hub.receive(widgetView, scope, { type: "added", object });
  bench.hub.receive(widgetView, scope, { type: "synced", resourceVersion });
  await settle();
}

const names = (bench: Bench) =>
  bench.hub.index
    .all(widgetView, "management")
    .map(({ meta }) => meta.name)
    .toSorted();
const fleet = (from: number, to: number, version: number) =>
  Array.from({ length: to - from }, (_, n) =>
    widget({ name: `w${from + n}`, version: String(version), have: 1 }),
  );

describe("a complete list", () => {
  it("after a 410 makes up for every one of 100 creations and 100 deletions inside the gap, and wakes nobody else", async () => {
    const bench = hubBench({ policy: { maxInFlight: 1_000 } });
    await bench.list(...fleet(0, 300, 50));
    const created = Array.from({ length: 100 }, (_, n) =>
      widget({ name: `new${n}`, version: String(2_000 + n) }),
    );
    await relist(bench, [...fleet(100, 300, 50), ...created], "3000");
    expect(names(bench)).toEqual(
      [...fleet(100, 300, 50), ...created].map(({ metadata }) => metadata.name).toSorted(),
    );
    expect(bench.runs).toHaveLength(100);
    expect(bench.events.filter(({ kind }) => kind === "relisted")).toHaveLength(3);
  });

  it("wakes those that looked at what is gone, and those that look at what has come", async () => {
    const bench = hubBench();
    await bench.list(
      widget({ version: "1", part: "a" }),
      widget({ name: "two", version: "2", part: "b" }),
      partObject("a", "3"),
    );
    for (const run of bench.runs) await run.answer(done());
    bench.hub.receive(partView, scope, { type: "relist", reason: "expired" });
    bench.hub.receive(partView, scope, { type: "added", object: partObject("b", "101") });
    bench.hub.receive(partView, scope, { type: "synced", resourceVersion: "200" });
    await settle();
    expect(bench.runs.slice(2).map(({ dispatch }) => dispatch.items[0]?.object.name)).toEqual(["one", "two"]);
  });

  it("takes effect when it is complete, not before: half a list is no list", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1", have: 1 }));
    bench.hub.receive(widgetView, scope, { type: "relist", reason: "expired" });
    bench.hub.receive(widgetView, scope, { type: "added", object: widget({ name: "two", version: "150" }) });
    await settle();
    expect([names(bench), bench.runs.length]).toEqual([["one"], 0]);
    await relist(bench, [widget({ name: "three", version: "160" })], "200");
    expect([names(bench), bench.runs.length]).toEqual([["three"], 1]);
  });

  it("takes back what was deleted while it was made", async () => {
    const bench = hubBench();
    await bench.list();
    bench.hub.receive(widgetView, scope, { type: "relist", reason: "expired" });
    bench.hub.receive(widgetView, scope, { type: "added", object: widget({ version: "150" }) });
    bench.hub.receive(widgetView, scope, { type: "deleted", object: widget({ version: "151" }) });
    bench.hub.receive(widgetView, scope, { type: "synced", resourceVersion: "160" });
    await settle();
    expect([names(bench), bench.runs.length]).toEqual([[], 0]);
  });

  it("that is older than what is known is ignored: nothing comes back, nothing goes [S2]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1", have: 1 }), widget({ name: "two", version: "2", have: 1 }));
    await bench.see(widget({ version: "300", want: 3, have: 3 }));
    await bench.lose(widget({ name: "two", version: "301" }));
    await relist(
      bench,
      [widget({ version: "1", have: 1 }), widget({ name: "two", version: "2", have: 0 })],
      "200",
    );
    expect(names(bench)).toEqual(["one"]);
    expect(bench.hub.index.get(widgetView, { ...scope, namespace: "default", name: "one" })?.spec.want).toBe(
      3,
    );
    expect(bench.runs).toHaveLength(0);
    expect(bench.events.at(-1)).toMatchObject({ kind: "disrupted" });
  });

  it("never takes a single object back in time, whatever the stream says [S2]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "50", want: 3, have: 3 }));
    await bench.see(widget({ version: "9", want: 1, have: 3 }));
    await bench.lose(widget({ version: "49", want: 3 }));
    expect(bench.runs).toHaveLength(0);
    expect(names(bench)).toEqual(["one"]);
  });

  it("compares versions as numbers, also beyond 2^53", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "9007199254740993", have: 1 }));
    await bench.see(widget({ version: "9007199254740992", want: 5 }));
    expect(bench.runs).toHaveLength(0);
    await bench.see(widget({ version: "10000000000000000", want: 5 }));
    expect(bench.runs).toHaveLength(1);
  });

  it("of a storage that was set back is believed: what is not in it is gone, what is older in it is right", async () => {
    const bench = hubBench();
    await bench.list(
      widget({ version: "90", want: 3, have: 3 }),
      widget({ name: "two", version: "95", have: 1 }),
    );
    await relist(bench, [widget({ version: "40", want: 1, have: 3 })], "50", { rewound: true });
    expect(names(bench)).toEqual(["one"]);
    expect(bench.runs).toHaveLength(1);
    expect(bench.hub.notOlderThan(widgetView, scope)).toBe("50");
    await bench.see(widget({ version: "51", want: 6, have: 3 }));
    await bench.runs[0]?.answer(done());
    expect(bench.runs).toHaveLength(2);
  });

  it("shows a change A-B-A inside a gap as what it is: nothing to do [S6]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer(done());
    await relist(bench, [widget({ version: "150" })], "200");
    expect(bench.runs).toHaveLength(1);
  });

  it("of one namespace says nothing about another", async () => {
    const bench = hubBench({ scopesOf: (_view, connection, namespace) => [{ connection, namespace }] });
    await bench.hub.start();
    const other = {
      ...widget({ version: "5", have: 1 }),
      metadata: { ...widget({ version: "5" }).metadata, namespace: "b", uid: "b" },
    };
    for (const [namespace, object] of [
      ["default", widget({ version: "4", have: 1 })],
      ["b", other],
    ] as const) {
      bench.hub.receive(widgetView, { ...scope, namespace }, { type: "relist", reason: "start" });
      bench.hub.receive(widgetView, { ...scope, namespace }, { type: "added", object });
      bench.hub.receive(widgetView, { ...scope, namespace }, { type: "synced", resourceVersion: "10" });
    }
    bench.hub.receive(widgetView, { ...scope, namespace: "b" }, { type: "relist", reason: "expired" });
    bench.hub.receive(widgetView, { ...scope, namespace: "b" }, { type: "synced", resourceVersion: "20" });
    expect(names(bench)).toEqual(["one"]);
  });
});

describe("an object that cannot be read", () => {
  const poison = (version: string, name = "poison"): KubeObject => ({
    ...widget({ name, version }),
    spec: { want: "much" },
  });

  it("among 1,000 healthy ones blocks nobody, and is served when it can be read", async () => {
    const bench = hubBench({ policy: { maxInFlight: 2_000 } });
    await bench.list(
      ...Array.from({ length: 1_000 }, (_, n) => widget({ name: `w${n}`, version: String(n + 1) })),
      poison("50"),
    );
    expect(bench.runs).toHaveLength(1_000);
    expect(bench.events.filter(({ kind }) => kind === "unreadable")).toEqual([
      {
        kind: "unreadable",
        object: "management|widgets.test.dev|default/poison",
        message: "Widget default/poison cannot be read: spec.want: invalid_type",
      },
    ]);
    await bench.see(widget({ name: "poison", version: "2001" }));
    expect(bench.runs).toHaveLength(1_001);
  });

  it("is not acted on as it was before, and is served again when it is as it was", async () => {
    const bench = hubBench({ policy: { maxInFlight: 1 } });
    await bench.list(widget({ name: "first", version: "1" }), widget({ name: "x", version: "2" }));
    await bench.see(poison("101", "x"));
    await bench.runs[0]?.answer(done());
    expect(bench.runs).toHaveLength(1);
    await bench.see(widget({ name: "x", version: "102" }));
    expect(bench.runs).toHaveLength(2);
  });

  it("is not absent for those that look at it: they wait until it can be read, or is gone", async () => {
    const bench = hubBench();
    const broken = { ...partObject("a", "3"), spec: { size: "big" } };
    await bench.list(widget({ version: "1", part: "a" }), broken);
    expect(bench.runs).toHaveLength(0);
    await bench.see(partObject("a", "101"));
    expect(bench.runs).toHaveLength(1);
    await bench.runs[0]?.answer(done());
    await bench.see({ ...broken, metadata: { ...broken.metadata, resourceVersion: "102" } });
    await bench.see(widget({ version: "103", part: "a", want: 5 }));
    expect(bench.runs).toHaveLength(1);
    await bench.lose({ ...broken, metadata: { ...broken.metadata, resourceVersion: "104" } });
    expect(bench.runs).toHaveLength(2);
  });

  it("that went inside a gap does not block those that looked at it", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1", part: "a" }), { ...partObject("a", "3"), spec: { size: "big" } });
    bench.hub.receive(partView, scope, { type: "relist", reason: "expired" });
    bench.hub.receive(partView, scope, { type: "synced", resourceVersion: "200" });
    await settle();
    expect(bench.runs).toHaveLength(1);
  });
});

describe("a predicate that throws", () => {
  it("for one object among 1,000 blocks nobody else, and not for ever", async () => {
    let poison = "w500";
    const fn = widgetFunction({
      needs: ({ object }) => {
        if (object.meta.name === poison) throw new Error("no");
        return true;
      },
    });
    const bench = hubBench({ functions: [fn], policy: { maxInFlight: 2_000 } });
    await bench.list(
      ...Array.from({ length: 1_000 }, (_, n) =>
        widget({ name: `w${n}`, version: String(n + 1), part: "a" }),
      ),
    );
    expect(bench.runs).toHaveLength(999);
    expect(bench.events.filter(({ kind }) => kind === "predicateFailed")).toHaveLength(1);
    poison = "";
    await bench.see(partObject("a", "2000"));
    expect(bench.runs.at(-1)?.dispatch.items[0]?.object.name).toBe("w500");
  });

  it("in its inputs or its time blocks nobody else either", async () => {
    const unhashable: { self?: unknown } = {};
    unhashable.self = unhashable;
    const fn = widgetFunction({
      needs: ({ object }) => (object.meta.name === "timeless" ? new Date(Number.NaN) : true),
      inputs: ({ object }) =>
        object.meta.name === "endless" ? unhashable : object.meta.name === "big" ? 1n : 1,
    });
    const bench = hubBench({ functions: [fn] });
    await bench.list(
      ...["endless", "big", "timeless", "fine"].map((name, n) => widget({ name, version: String(n + 1) })),
    );
    expect(bench.runs.map(({ dispatch }) => dispatch.items[0]?.object.name)).toEqual(["fine"]);
    expect(bench.events.filter(({ kind }) => kind === "predicateFailed")).toHaveLength(3);
  });

  it("after the run does not hold its key, and its outcome is not lost for others of the batch", async () => {
    let broken = false;
    const fn = widgetFunction({
      inputs: ({ object }) => {
        if (broken) throw new Error("no");
        return object.spec;
      },
    });
    const bench = hubBench({ functions: [fn] });
    await bench.list(widget({ version: "1" }));
    broken = true;
    await bench.runs[0]?.answer(done());
    expect(bench.hub.figures().inFlight).toBe(0);
    broken = false;
    await bench.see(widget({ version: "101", want: 4 }));
    expect(bench.runs).toHaveLength(2);
  });
});

function partObject(name: string, version: string): KubeObject {
  return {
    apiVersion: "test.dev/v1",
    kind: "Part",
    metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion: version },
    spec: { size: Number(version) },
  };
}
