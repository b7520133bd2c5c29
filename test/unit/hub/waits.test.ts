import { describe, expect, it } from "vitest";
import { appearance, change, done, waitFor } from "#functions/contract/outcome.ts";
import { relations } from "#functions/contract/relations.ts";
import { hubBench, part, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const partB = (version: string) => ({
  meta: { connection: "management", namespace: "default", name: "b", uid: "uid-b", resourceVersion: version },
});
const waitForB = (version: string, timeoutMs = 60_000) =>
  waitFor([change(partView.type, partB(version))], { timeoutMs, reason: "PartTooSmall" });
const ref = { connection: "management", namespace: "default", name: "one" };

async function waiting(timeoutMs = 60_000) {
  const bench = hubBench();
  await bench.list(widget({ version: "1" }), part({ name: "b", version: "3", size: 1 }));
  await bench.runs[0]?.answer(waitForB("3", timeoutMs));
  return bench;
}

describe("a wait", () => {
  it("ends at once when its target moved between the step's look and the registration [T6]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }), part({ name: "b", version: "3", size: 1 }));
    await bench.see(part({ name: "b", version: "101", size: 2 }));
    await bench.runs[0]?.answer(waitForB("3"));
    expect(bench.runs).toHaveLength(2);
  });

  it("ends at once when what should appear is there already, or what was seen is gone [T6]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }), part({ name: "b", version: "3", size: 1 }));
    const there = { connection: "management", namespace: "default", name: "b" };
    await bench.runs[0]?.answer(
      waitFor([appearance(partView.type, there)], { timeoutMs: 60_000, reason: "NoPart" }),
    );
    expect(bench.runs).toHaveLength(2);
    await bench.lose(part({ name: "b", version: "101", size: 1 }));
    await bench.runs[1]?.answer(waitForB("3"));
    expect(bench.runs).toHaveLength(3);
  });

  it("goes on when its target changed only in what nobody looks at [T6]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }), part({ name: "b", version: "3", size: 1 }));
    await bench.see(part({ name: "b", version: "101", size: 1 }));
    await bench.runs[0]?.answer(waitForB("3"));
    await bench.see(part({ name: "b", version: "102", size: 1 }));
    expect(bench.runs).toHaveLength(1);
  });

  it("tells the step how it ended: fulfilled, timed out, or overtaken by something else", async () => {
    const ends = [];
    const fulfilled = await waiting();
    await fulfilled.see(part({ name: "b", version: "101", size: 2 }));
    ends.push(fulfilled.runs[1]?.dispatch.items[0]?.wait);
    const timedOut = await waiting();
    await timedOut.clock.advance(60_000);
    ends.push(timedOut.runs[1]?.dispatch.items[0]?.wait);
    const superseded = await waiting();
    await superseded.see(widget({ version: "101", want: 9 }));
    ends.push(superseded.runs[1]?.dispatch.items[0]?.wait);
    expect(ends).toEqual(["fulfilled", "timedOut", "superseded"]);
  });

  it("is over when another outcome replaced it: neither its target nor its time wakes the step any more", async () => {
    const bench = await waiting();
    await bench.see(widget({ version: "101", want: 9 }));
    await bench.runs[1]?.answer(done());
    await bench.see(part({ name: "b", version: "102", size: 2 }));
    await bench.clock.advance(120_000);
    expect(bench.runs).toHaveLength(2);
  });

  it("is over when there is nothing to do any more", async () => {
    const bench = await waiting();
    await bench.see(widget({ version: "101", want: 1, have: 1 }));
    await bench.see(part({ name: "b", version: "102", size: 2 }));
    await bench.clock.advance(120_000);
    expect(bench.runs).toHaveLength(1);
    expect(bench.hub.figures().timers).toBe(0);
  });

  it("holds nothing: others of its key run meanwhile", async () => {
    const bench = hubBench({ functions: [widgetFunction({ key: () => "shared" })] });
    await bench.list(
      widget({ version: "1" }),
      widget({ name: "two", version: "2" }),
      part({ name: "b", version: "3", size: 1 }),
    );
    await bench.runs[0]?.answer(waitForB("3"));
    expect(bench.runs[1]?.dispatch.items[0]?.object.name).toBe("two");
  });

  it("that ends while its key is busy runs once, after the run before it [T6]", async () => {
    const bench = hubBench({ functions: [widgetFunction({ key: () => "shared" })] });
    await bench.list(
      widget({ version: "1" }),
      widget({ name: "two", version: "2" }),
      part({ name: "b", version: "3", size: 1 }),
    );
    await bench.runs[0]?.answer(waitForB("3", 10_000));
    await bench.see(part({ name: "b", version: "101", size: 2 }));
    await bench.clock.advance(10_000);
    expect(bench.runs).toHaveLength(2);
    await bench.runs[1]?.answer(done());
    expect(bench.runs.map(({ dispatch }) => dispatch.items[0]?.object.name)).toEqual(["one", "two", "one"]);
    await bench.runs[2]?.answer(done());
    expect(bench.hub.idle).toBe(true);
  });

  it("wakes exactly the waiters, in the order in which they began to wait", async () => {
    const bench = hubBench({ functions: [widgetFunction({ key: () => "shared" })] });
    await bench.list(
      ...["x", "a", "m"].map((name, n) => widget({ name, version: String(n + 1) })),
      part({ name: "b", version: "9", size: 1 }),
    );
    await bench.runs[0]?.answer(waitForB("9"));
    await bench.runs[1]?.answer(done());
    await bench.runs[2]?.answer(waitForB("9"));
    await bench.see(part({ name: "b", version: "101", size: 2 }));
    await bench.runs[3]?.answer(done());
    expect(bench.runs.slice(3).map(({ dispatch }) => dispatch.items[0]?.object.name)).toEqual(["x", "m"]);
  });

  it("for something whose stream is not listed yet ends with the first list, not before", async () => {
    const bench = hubBench({ functions: [widgetFunction({ related: optionalPart() })] });
    await bench.hub.start();
    const scope = { connection: "management" };
    bench.hub.receive(widgetView, scope, { type: "relist", reason: "start" });
    bench.hub.receive(widgetView, scope, { type: "added", object: widget({ version: "1", part: "b" }) });
    bench.hub.receive(widgetView, scope, { type: "synced", resourceVersion: "100" });
    await bench.clock.advance(0);
    await bench.runs[0]?.answer(
      waitFor([appearance(partView.type, { ...ref, name: "b" })], { timeoutMs: 60_000, reason: "NoPart" }),
    );
    await bench.see(widget({ version: "101", part: "b" }));
    expect(bench.runs).toHaveLength(1);
    bench.hub.receive(partView, scope, { type: "relist", reason: "start" });
    bench.hub.receive(partView, scope, {
      type: "added",
      object: part({ name: "b", version: "50", size: 1 }),
    });
    await bench.clock.advance(0);
    expect(bench.runs).toHaveLength(1);
    bench.hub.receive(partView, scope, { type: "synced", resourceVersion: "100" });
    await bench.clock.advance(0);
    expect(bench.runs).toHaveLength(2);
  });

  it("never turns into a hot loop, whatever time a step asks for", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    for (let n = 0; n < 5; n += 1) {
      await bench.runs.at(-1)?.answer(waitFor([], { timeoutMs: 0.001, reason: "Now" }));
      await bench.clock.advance(100);
    }
    expect(bench.runs.length).toBeLessThanOrEqual(6);
  });
});

function optionalPart() {
  return relations(widgetView).one(
    "part",
    partView,
    (own) =>
      own.spec.part === undefined
        ? undefined
        : { connection: "management", namespace: own.meta.namespace, name: own.spec.part },
    { optional: true, wake: "none" },
  );
}
