import { describe, expect, it } from "vitest";
import { change, done, requeueAfter, waitFor } from "#functions/contract/outcome.ts";
import { hubBench, part, partView, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

describe("the hub", () => {
  it("runs a function when its predicate is true, once, and not again while nothing it looks at changes", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    expect(bench.runs).toHaveLength(1);
    await bench.runs[0]?.answer(done());
    await bench.see(widget({ version: "101" }));
    expect(bench.runs).toHaveLength(1);
    await bench.see(widget({ version: "102", want: 2 }));
    expect(bench.runs).toHaveLength(2);
  });

  it("wakes nobody when the world is as it should be", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1", want: 1, have: 1 }));
    expect(bench.runs).toHaveLength(0);
    expect(bench.hub.idle).toBe(true);
  });

  it("wakes exactly the waiter when the object it waits for changes", async () => {
    const bench = hubBench();
    await bench.list(
      widget({ version: "1", part: "a" }),
      part({ name: "a", version: "2", size: 1 }),
      part({ name: "b", version: "3", size: 1 }),
    );
    const seen = {
      meta: { connection: "management", namespace: "default", name: "b", uid: "uid-b", resourceVersion: "3" },
    };
    await bench.runs[0]?.answer(
      waitFor([change(partView.type, seen)], { timeoutMs: 60_000, reason: "PartTooSmall" }),
    );
    expect(bench.runs).toHaveLength(1);
    await bench.see(part({ name: "b", version: "101", size: 2 }));
    expect(bench.runs).toHaveLength(2);
    expect(bench.runs[1]?.dispatch.items[0]?.wait).toBe("fulfilled");
  });

  it("looks again after the time a step asked for, and no earlier", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer(requeueAfter(40 * 24 * 3_600_000, "NotYet"));
    await bench.clock.advance(39 * 24 * 3_600_000);
    expect(bench.runs).toHaveLength(1);
    await bench.clock.advance(24 * 3_600_000);
    expect(bench.runs).toHaveLength(2);
  });

  it("runs a step again when the time its predicate named has come, also after it was done", async () => {
    const due = Date.parse("2026-12-24T00:00:00Z");
    const bench = hubBench({
      functions: [widgetFunction({ needs: ({ object }) => (object.spec.want === 1 ? true : new Date(due)) })],
    });
    await bench.list(widget({ version: "1" }));
    await bench.see(widget({ version: "101", want: 2 }));
    await bench.runs[0]?.answer(done());
    expect(bench.runs).toHaveLength(1);
    await bench.clock.advance(due - bench.clock.now() + 1);
    expect(bench.runs).toHaveLength(2);
    await bench.runs[1]?.answer(done());
    await bench.clock.advance(1_000);
    expect(bench.runs).toHaveLength(2);
  });

  it("does not wake a step by its own write, but by a foreign change hidden under it", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1", want: 5 }));
    const own = widget({ version: "110", want: 5, have: 4 });
    const written = [{ connection: "management", type: widgetView.type, object: own }];
    await bench.runs[0]?.answer({ outcomes: new Map([["uid-one", done()]]), written });
    await bench.see(own);
    expect(bench.runs).toHaveLength(1);
    const again = hubBench();
    await again.list(widget({ version: "1", want: 5 }));
    await again.runs[0]?.answer({ outcomes: new Map([["uid-one", done()]]), written });
    await again.see(widget({ version: "105", want: 5, have: 3 }));
    expect(again.runs).toHaveLength(2);
  });

  it("goes on when its observer throws", async () => {
    const bench = hubBench({
      observe: () => {
        throw new Error("disk full");
      },
    });
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer(done());
    await bench.see(widget({ version: "102", want: 2 }));
    expect(bench.runs).toHaveLength(2);
  });

  it("runs a step again whose own write led to an object it had not seen", async () => {
    const bench = hubBench();
    const other = part({ name: "b", version: "2", size: 1 });
    await bench.list(widget({ version: "1", want: 5 }), other);
    const own = widget({ version: "110", want: 5, part: "b" });
    const written = [{ connection: "management", type: widgetView.type, object: own }];
    await bench.runs[0]?.answer({ outcomes: new Map([["uid-one", done()]]), written });
    expect(bench.runs).toHaveLength(2);
    await bench.runs[1]?.answer(done());
    expect(bench.runs).toHaveLength(2);
  });

  it("stores nothing after it has stepped down: the ledger is another hub's", async () => {
    const saves: number[] = [];
    const ledger = {
      load: () => Promise.resolve(undefined),
      save: () => Promise.resolve(void saves.push(1)),
    };
    const bench = hubBench({ ledger });
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer(done());
    const before = saves.length;
    bench.hub.stepDown("the Lease is lost");
    await bench.hub.stop(0);
    expect(saves).toHaveLength(before);
  });
});
