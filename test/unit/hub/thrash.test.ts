import { describe, expect, it } from "vitest";
import { defaultThrash, RunBuckets } from "#events/hub/thrash.ts";
import { silentReporter, type Reporter } from "#events/hub/reporter.ts";
import { done } from "#functions/contract/outcome.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, widget, widgetView } from "#test/support/hub-bench.ts";

const scope = { connection: "management" };

function thrashBench() {
  const told: (string | undefined)[] = [];
  const reporter: Reporter = {
    ...silentReporter,
    thrashing: (_fn, _object, _uid, manager) => told.push(manager),
  };
  return { ...hubBench({ reporter }), told, answered: 0 };
}

/** Somebody else undoes what the step has done, and the step, if it runs, does it again. */
async function undo(bench: ReturnType<typeof thrashBench>, deleting = false): Promise<void> {
  const object = widget({ version: bench.next(), have: 0, deleting });
  bench.hub.receive(widgetView, scope, { type: "modified", object, manager: "meddler" });
  await settle();
  await redo(bench, deleting);
}

/** The run under way, if there is one, ends with its write. */
async function redo(bench: ReturnType<typeof thrashBench>, deleting = false): Promise<void> {
  if (bench.answered === bench.runs.length) return;
  bench.answered = bench.runs.length;
  const own = widget({ version: bench.next(), have: 1, deleting });
  const written = [{ connection: "management", type: widgetView.type, object: own }];
  await bench.runs.at(-1)?.answer({ outcomes: new Map([["uid-one", done()]]), written });
  bench.hub.receive(widgetView, scope, { type: "modified", object: own });
  await settle();
}

describe("a fight over an object", () => {
  it("slows the step down to one look per 30 s, although it wins every round, and never drops it", async () => {
    const bench = thrashBench();
    await bench.list(widget({ version: "1", have: 1 }));
    for (let round = 0; round < 100; round += 1) await undo(bench);
    expect(bench.runs).toHaveLength(defaultThrash.burst);
    await bench.clock.advance(30_000);
    expect(bench.runs).toHaveLength(defaultThrash.burst + 1);
    for (let seconds = 0; seconds < 300; seconds += 10) {
      await undo(bench);
      await bench.clock.advance(10_000);
      await redo(bench);
    }
    expect(bench.runs.length - defaultThrash.burst).toBeGreaterThanOrEqual(9);
    expect(bench.runs.length - defaultThrash.burst).toBeLessThanOrEqual(12);
  });

  it("names the field manager that keeps undoing, once per look and not per event", async () => {
    const bench = thrashBench();
    await bench.list(widget({ version: "1", have: 1 }));
    for (let round = 0; round < 100; round += 1) await undo(bench);
    expect(bench.told).toEqual(["meddler"]);
    expect(bench.events.filter((event) => event.kind === "thrashing")).toEqual([
      {
        kind: "thrashing",
        function: "widget-make",
        object: "management|widgets.test.dev|default/one",
        manager: "meddler",
      },
    ]);
  });

  it("does not hold up deletion", async () => {
    const bench = thrashBench();
    await bench.list(widget({ version: "1", have: 1 }));
    for (let round = 0; round < 60; round += 1) await undo(bench);
    const before = bench.runs.length;
    await undo(bench, true);
    expect(bench.runs).toHaveLength(before + 1);
  });

  it("is taken off the object when it is over", async () => {
    const bench = thrashBench();
    await bench.list(widget({ version: "1", have: 1 }));
    for (let round = 0; round < 60; round += 1) await undo(bench);
    await bench.clock.advance(30_000);
    await redo(bench);
    await bench.clock.advance(30 * 60_000);
    await undo(bench);
    expect(bench.told.at(-1)).toBeUndefined();
  });

  it("is not what many events of one object are whose step runs seldom", async () => {
    const bench = thrashBench();
    await bench.list(widget({ version: "1", have: 1 }));
    for (let n = 0; n < 500; n += 1) await bench.see(widget({ version: bench.next(), have: 1 }));
    await undo(bench);
    expect(bench.told).toEqual([]);
  });

  it("is not what many related objects bring: twice their number is always granted", () => {
    const buckets = new RunBuckets(defaultThrash);
    const grants = Array.from({ length: 200 }, () => buckets.take("a", 100, 0).kind);
    expect(grants.every((kind) => kind === "run")).toBe(true);
    expect(buckets.take("a", 100, 0).kind).toBe("wait");
  });

  it("of one object is nothing to its namesake", async () => {
    const bench = thrashBench();
    await bench.list(widget({ version: "1", have: 1 }));
    for (let round = 0; round < 60; round += 1) await undo(bench);
    const before = bench.runs.length;
    await bench.see(widget({ version: bench.next(), uid: "uid-new" }));
    expect(bench.runs).toHaveLength(before + 1);
  });
});
