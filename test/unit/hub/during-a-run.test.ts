import { describe, expect, it } from "vitest";
import { done, failed, requeueAfter, waitFor, change } from "#functions/contract/outcome.ts";
import { hubBench, part, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const ref = { connection: "management", namespace: "default", name: "one" };
const cause = {
  id: "alert-1",
  type: "dev.capfn.object.changed",
  source: "/alerts",
  time: "2026-11-21T12:00:00Z",
} as const;
const emission = { type: "dev.capfn.machine.provisioned", data: {} };
const written = (object: ReturnType<typeof widget>) => [
  { connection: "management", type: widgetView.type, object },
];

describe("an outcome", () => {
  const emitted = ({ events }: ReturnType<typeof hubBench>) =>
    events.filter((event) => event.kind === "emitted").map(({ type }) => type);

  it("emits what it says, also when the watch showed its own write first and there is nothing left to do", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1", want: 2 }));
    const own = widget({ version: "101", want: 2, have: 2 });
    await bench.see(own);
    await bench.runs[0]?.answer({
      outcomes: new Map([["uid-one", done([emission])]]),
      written: written(own),
    });
    expect(emitted(bench)).toEqual([emission.type]);
    expect(bench.hub.idle).toBe(true);
  });

  it("emits what it says, also when its object is gone", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.lose(widget({ version: "101" }));
    await bench.runs[0]?.answer({ outcomes: new Map([["uid-one", done([emission])]]) });
    expect(emitted(bench)).toEqual([emission.type]);
  });

  it("tells people what failed for good, also when its object is gone", async () => {
    const told: unknown[] = [];
    const reporter = {
      note: () => told.push("note"),
      failed: (_fn: unknown, _object: unknown, uid: string, report: object) => told.push({ uid, ...report }),
      thrashing: () => undefined,
    };
    const bench = hubBench({ reporter });
    await bench.list(widget({ version: "1" }));
    await bench.lose(widget({ version: "101" }));
    await bench.runs[0]?.answer({ outcomes: new Map([["uid-one", failed("QuotaExceeded", "no more")]]) });
    expect(told).toEqual([{ uid: "uid-one", kind: "failed", reason: "QuotaExceeded", message: "no more" }]);
    expect(bench.hub.figures().parked).toBe(0);
  });

  it("holds when its object had nothing to do for a moment and then had again", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1", part: "b" }), part({ name: "b", version: "3", size: 1 }));
    await bench.see(widget({ version: "101", want: 1, have: 1, part: "b" }));
    await bench.see(widget({ version: "102", want: 1, part: "b" }));
    const b = { meta: { ...ref, name: "b", uid: "uid-b", resourceVersion: "3" } };
    await bench.runs[0]?.answer(
      waitFor([change(partView.type, b)], { timeoutMs: 60_000, reason: "PartTooSmall" }),
    );
    expect(bench.hub.explain(ref, widgetView)[0]?.record).toMatchObject({ kind: "waiting" });
    expect(bench.runs).toHaveLength(1);
    await bench.see(part({ name: "b", version: "103", size: 2 }));
    expect(bench.runs).toHaveLength(2);
  });

  it("that is a fault counts, although its object had nothing to do for a moment", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    for (const [n, version] of [101, 103, 105].entries()) {
      await bench.see(widget({ version: `${version}`, want: 1, have: 1 }));
      await bench.see(widget({ version: `${version + 1}`, want: 1 }));
      await bench.runs[n]?.answer({ fault: new Error("broken") });
      await bench.clock.advance(10_000);
    }
    expect(bench.hub.explain(ref, widgetView)[0]).toMatchObject({ faults: 3 });
  });
});

describe("a hint during a run", () => {
  const later = requeueAfter(60_000, "nothing will tell us");
  const blind = widgetFunction({ inputs: () => "the same" });

  it("beats requeueAfter, also when what the step rests on is equal", async () => {
    const bench = hubBench({ functions: [blind] });
    await bench.list(widget({ version: "1" }));
    bench.hub.hint(widgetView, ref, cause);
    await bench.runs[0]?.answer(later);
    expect(bench.runs).toHaveLength(2);
    await bench.runs[1]?.answer(later);
    expect(bench.runs).toHaveLength(2);
    await bench.clock.advance(60_000);
    expect(bench.runs).toHaveLength(3);
  });

  it("may be a change of anything the step looks at", async () => {
    const bench = hubBench({ functions: [blind] });
    await bench.list(widget({ version: "1", part: "b" }), part({ name: "b", version: "3", size: 1 }));
    await bench.see(part({ name: "b", version: "101", size: 2 }));
    await bench.runs[0]?.answer(later);
    expect(bench.runs).toHaveLength(2);
  });

  it("is not the step's own write, whether the watch or the step tells of it first", async () => {
    const bench = hubBench({ functions: [blind] });
    await bench.list(widget({ version: "1", want: 5 }));
    const early = widget({ version: "101", want: 5, have: 1 });
    const late = widget({ version: "102", want: 5, have: 2 });
    await bench.see(early);
    await bench.runs[0]?.answer({
      outcomes: new Map([["uid-one", later]]),
      written: [...written(early), ...written(late)],
    });
    await bench.see(late);
    expect(bench.runs).toHaveLength(1);
  });

  it("is not the end of another function's run for the same object, nor a sweep", async () => {
    const other = widgetFunction({ name: "other", key: () => "another key" });
    const bench = hubBench({ functions: [blind, other], policy: { sweepMs: 1_000 } });
    await bench.list(widget({ version: "1" }));
    await bench.runs[1]?.answer(done());
    await bench.clock.advance(5_000);
    await bench.runs[0]?.answer(later);
    expect(bench.runs).toHaveLength(2);
  });
});

describe("a write of a step that ends its object, as the removal of the last finalizer does", () => {
  const finalizers = (names: string[], object: ReturnType<typeof widget>) => ({
    ...object,
    metadata: { ...object.metadata, finalizers: names },
  });
  const deleting = (version: string, have?: number) =>
    widget({ version, want: 1, deleting: true, ...(have !== undefined && { have }) });

  it("leaves nothing to look at before the watch tells: the step does not run once more over what is gone", async () => {
    const bench = hubBench({ functions: [widgetFunction({ needs: () => true })] });
    await bench.list(deleting("1"));
    // The API server answers with the object as it was deleted, at the version it had.
    await bench.runs[0]?.answer({
      outcomes: new Map([["uid-one", done()]]),
      written: written(finalizers([], deleting("1", 2))),
    });
    expect(bench.hub.index.get(widgetView, ref)).toBeUndefined();
    await bench.lose(deleting("102"));
    expect(bench.runs).toHaveLength(1);
    expect(bench.hub.idle).toBe(true);
  });

  const ended = async () => {
    const bench = hubBench({ functions: [widgetFunction({ needs: () => true })] });
    await bench.list(deleting("101"));
    // Written before by the step, or by somebody else: the watch has not shown it yet.
    const lagging = deleting("104", 2);
    await bench.runs[0]?.answer({
      outcomes: new Map([["uid-one", done()]]),
      written: written(finalizers([], lagging)),
    });
    const known = () => bench.hub.index.get(widgetView, ref);
    return { bench, lagging, known };
  };

  it("does not let the object come back with an older version that the watch shows late", async () => {
    const { bench, lagging, known } = await ended();
    for (const late of [deleting("103", 1), lagging]) await bench.see(late);
    expect(known()).toBeUndefined();
    expect(bench.runs).toHaveLength(1);
    await bench.lose(deleting("105"));
    // One that was restored from a backup is the same object.
    await bench.see(widget({ version: "106" }));
    expect(known()).toBeDefined();
  });

  it("does not let it come back with a list that is as old, and holds back nothing after a list without it", async () => {
    const { bench, lagging, known } = await ended();
    const scope = { connection: "management" };
    const list = (resourceVersion: string, ...objects: ReturnType<typeof widget>[]) => {
      bench.hub.receive(widgetView, scope, { type: "relist", reason: "expired" });
      for (const object of objects) bench.hub.receive(widgetView, scope, { type: "added", object });
      bench.hub.receive(widgetView, scope, { type: "synced", resourceVersion });
    };
    list("104", lagging);
    expect(known()).toBeUndefined();
    await bench.see(lagging);
    expect(known()).toBeUndefined();
    list("110");
    await bench.see(deleting("104"));
    expect(known()).toBeDefined();
  });

  it("holds back neither a newer version of the object nor a namesake", async () => {
    for (const next of [deleting("107"), widget({ version: "103", uid: "another" })]) {
      const { bench, known } = await ended();
      await bench.see(next);
      expect(known()?.meta.uid).toBe(next.metadata.uid);
    }
  });

  it("is not one that leaves a finalizer, or an object time to end", async () => {
    for (const left of [
      finalizers(["somebody/else"], deleting("101")),
      { ...deleting("101"), metadata: { ...deleting("101").metadata, deletionGracePeriodSeconds: 30 } },
    ]) {
      const bench = hubBench({ functions: [widgetFunction({ needs: () => true })] });
      await bench.list(deleting("1"));
      await bench.runs[0]?.answer({ outcomes: new Map([["uid-one", done()]]), written: written(left) });
      expect(bench.hub.index.get(widgetView, ref)).toBeDefined();
    }
  });
});

describe("a write of a run that began before the storage was set back", () => {
  it("is not taken in: what the restored storage says from then on counts, whatever its version", async () => {
    const bench = hubBench({ functions: [widgetFunction({ needs: () => true })] });
    await bench.list(widget({ version: "900", want: 1 }));
    const scope = { connection: "management" };
    bench.hub.receive(widgetView, scope, { type: "relist", reason: "expired", rewound: true });
    bench.hub.receive(widgetView, scope, { type: "added", object: widget({ version: "500", want: 1 }) });
    bench.hub.receive(widgetView, scope, { type: "synced", resourceVersion: "500" });
    await bench.runs[0]?.answer({
      outcomes: new Map([["uid-one", done()]]),
      written: written(widget({ version: "1000", want: 1, have: 1 })),
    });
    await bench.see(widget({ version: "501", want: 7 }));
    expect(bench.hub.index.get(widgetView, ref)).toMatchObject({ spec: { want: 7 } });
  });
});
