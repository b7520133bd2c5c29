import { describe, expect, it } from "vitest";
import type { HubOptions } from "#events/hub/options.ts";
import type { LedgerSnapshot } from "#events/hub/records.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { change, done, failed, requeueAfter, waitFor } from "#functions/contract/outcome.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, part, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

type Bench = ReturnType<typeof hubBench>;

const many = (count: number, fields: { have?: number } = {}) =>
  Array.from({ length: count }, (_, n) => widget({ name: `w${n}`, version: String(n + 1), ...fields }));

async function answerAll(bench: Bench): Promise<void> {
  for (let n = 0; n < bench.runs.length; n += 1) void bench.runs[n]?.answer(done());
  for (let n = 0; !bench.hub.idle && n < 1_000; n += 1) {
    await settle();
    for (const run of bench.runs.slice(-100)) void run.answer(done());
  }
}

/** A first life that ends as told, and a second with the same ledger and world. */
async function twoLives(
  objects: readonly KubeObject[],
  live: (bench: Bench) => Promise<void>,
  second: Partial<HubOptions> = {},
  world: readonly KubeObject[] = objects,
) {
  const ledger = memoryLedger();
  const before = hubBench({ ledger });
  await before.list(...objects);
  await live(before);
  await before.hub.stop(0);
  const after = hubBench({ ledger, ...second });
  await after.clock.advance(before.clock.now() - after.clock.now());
  await after.list(...world);
  return { before, after, ledger };
}

describe("a restart", () => {
  it("runs nobody over 10,000 objects that are as they should be", async () => {
    const { after } = await twoLives(many(10_000, { have: 1 }), () => Promise.resolve());
    expect(after.runs).toHaveLength(0);
    expect(after.hub.figures().objects).toBe(10_000);
  }, 60_000);

  it("runs nobody over 10,000 objects whose predicate holds but whose step is done", async () => {
    const objects = many(10_000);
    const { before, after } = await twoLives(objects, async (bench) => {
      for (let from = 0; from < bench.runs.length;) {
        const open = bench.runs.slice(from);
        from = bench.runs.length;
        for (const run of open) void run.answer(done());
        await settle();
      }
    });
    expect(before.runs).toHaveLength(10_000);
    expect(after.runs).toHaveLength(0);
    expect(after.hub.idle).toBe(true);
  }, 60_000);

  it("runs what has changed meanwhile, and only that", async () => {
    const world = [widget({ name: "w0", version: "100", want: 4 }), ...many(5).slice(1)];
    const { after } = await twoLives(many(5), answerAll, {}, world);
    expect(after.runs.map(({ dispatch }) => dispatch.items[0]?.object.name)).toEqual(["w0"]);
  });

  it("runs everything that still has work when the ledger is lost, and nothing else", async () => {
    const objects = [...many(3), widget({ name: "done", version: "9", have: 1 })];
    const { after } = await twoLives(objects, answerAll, { ledger: memoryLedger() });
    expect(after.runs).toHaveLength(3);
  });

  it("runs a function of a new bundle again where it still has work, and leaves other functions alone", async () => {
    const functions = [widgetFunction({ name: "old" }), widgetFunction({ name: "new" })];
    const ledger = memoryLedger();
    const objects = [...many(3), widget({ name: "fine", version: "9", have: 1 })];
    const before = hubBench({ ledger, functions });
    await before.list(...objects);
    await answerAll(before);
    await before.hub.stop(0);
    const after = hubBench({ ledger, functions, bundleOf: (fn) => (fn.name === "new" ? "2" : "1") });
    await after.list(...objects);
    expect(after.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["new", "new", "new"]);
  });

  it("restores a wait: its target wakes the step, and so does its end", async () => {
    const target = change(partView.type, {
      meta: { connection: "management", namespace: "default", name: "b", uid: "uid-b", resourceVersion: "3" },
    });
    const objects = [widget({ version: "1" }), part({ name: "b", version: "3", size: 1 })];
    const wait = (bench: Bench) =>
      bench.runs[0]?.answer(waitFor([target], { timeoutMs: 60_000, reason: "PartTooSmall" })) ??
      Promise.reject();
    const woken = await twoLives(objects, wait);
    expect(woken.after.runs).toHaveLength(0);
    await woken.after.see(part({ name: "b", version: "101", size: 2 }));
    expect(woken.after.runs[0]?.dispatch.items[0]?.wait).toBe("fulfilled");
    const ended = await twoLives(objects, wait);
    await ended.after.clock.advance(59_999);
    expect(ended.after.runs).toHaveLength(0);
    await ended.after.clock.advance(1);
    expect(ended.after.runs[0]?.dispatch.items[0]?.wait).toBe("timedOut");
    const moved = await twoLives(objects, wait, {}, [
      widget({ version: "1" }),
      part({ name: "b", version: "90", size: 7 }),
    ]);
    expect(moved.after.runs[0]?.dispatch.items[0]?.wait).toBe("fulfilled");
  });

  it("restores a due time", async () => {
    const { after } = await twoLives(
      many(1),
      (bench) => bench.runs[0]?.answer(requeueAfter(3_600_000, "Later")) ?? Promise.reject(),
    );
    await after.clock.advance(3_599_999);
    expect(after.runs).toHaveLength(0);
    await after.clock.advance(1);
    expect(after.runs).toHaveLength(1);
  });

  it("restores a park", async () => {
    const { after } = await twoLives(
      many(1),
      (bench) => bench.runs[0]?.answer(failed("Broken", "it is broken")) ?? Promise.reject(),
    );
    expect(after.runs).toHaveLength(0);
    expect(after.hub.figures().parked).toBe(1);
    await after.see(widget({ name: "w0", version: "101", want: 8 }));
    expect(after.runs).toHaveLength(1);
    expect(after.events.filter(({ kind }) => kind === "unparked")).toHaveLength(1);
  });

  it("forgets records of objects that are gone, but only when its list is complete", async () => {
    const { after, ledger } = await twoLives(many(3), answerAll, {}, many(1));
    await after.hub.stop(0);
    expect(Object.keys(ledger.current()?.records ?? {})).toEqual(["widget-make/uid-w0"]);
  });

  it("stores the ledger seldom: once for all that changes within its time, and not when nothing did", async () => {
    let saves = 0;
    const ledger = memoryLedger();
    const counting = {
      load: () => ledger.load(),
      save: (snapshot: LedgerSnapshot) => {
        saves += 1;
        return ledger.save(snapshot);
      },
    };
    const bench = hubBench({ ledger: counting });
    await bench.list(...many(50));
    await answerAll(bench);
    await bench.clock.advance(30_000);
    expect(saves).toBe(1);
    await bench.see(widget({ name: "w0", version: "101" }));
    await bench.clock.advance(3_600_000);
    expect(saves).toBe(1);
  });

  it("tries again to store a ledger that could not be stored", async () => {
    let saves = 0;
    const ledger = {
      load: () => Promise.resolve(undefined),
      save: () => ((saves += 1), Promise.reject(new Error("no"))),
    };
    const bench = hubBench({ ledger });
    await bench.list(...many(2));
    await bench.runs[0]?.answer(done());
    await bench.clock.advance(30_000);
    await bench.runs[1]?.answer(done());
    await bench.clock.advance(30_000);
    expect(saves).toBe(2);
  });

  it("lists nothing older than what an earlier life has heard, also of what it has not listed yet itself", async () => {
    const ledger = memoryLedger();
    const scope = { connection: "management" };
    const before = hubBench({ ledger });
    await before.list(...many(1));
    before.hub.receive(widgetView, scope, { type: "bookmark", resourceVersion: "5000" });
    await before.runs[0]?.answer(done());
    await before.hub.stop(0);
    const middle = hubBench({ ledger });
    await middle.hub.start();
    expect(middle.hub.notOlderThan(widgetView, scope)).toBe("5000");
    await middle.hub.stop(0);
    expect(ledger.current()?.versions).toMatchObject({ "management|widgets.test.dev": "5000" });
  });

  it("shows nobody a list that is older than what an earlier life has heard [S2]", async () => {
    const ledger = memoryLedger();
    const scope = { connection: "management" };
    const before = hubBench({ ledger });
    await before.list(widget({ version: "90", want: 2, have: 2 }));
    before.hub.receive(widgetView, scope, { type: "bookmark", resourceVersion: "200" });
    await before.hub.stop(0);
    const after = hubBench({ ledger });
    await after.hub.start();
    const list = async (object: KubeObject, resourceVersion: string) => {
      for (const view of [partView, widgetView]) {
        after.hub.receive(view, scope, { type: "relist", reason: "start" });
        if (view === widgetView) after.hub.receive(view, scope, { type: "added", object });
        await settle();
        after.hub.receive(view, scope, { type: "synced", resourceVersion });
      }
      await settle();
    };
    await list(widget({ version: "50", want: 1, have: 2 }), "80");
    expect(after.runs).toHaveLength(0);
    expect(after.hub.index.listed(widgetView, scope)).toBe(false);
    expect(after.events.filter(({ kind }) => kind === "disrupted")).toHaveLength(2);
    await list(widget({ version: "90", want: 2, have: 2 }), "300");
    expect(after.runs).toHaveLength(0);
    expect(after.hub.index.listed(widgetView, scope)).toBe(true);
  });
});
