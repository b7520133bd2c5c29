import { describe, expect, it } from "vitest";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { change, done, failed, requeueAfter, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { hubBench, part, partView, widget } from "#test/support/hub-bench.ts";

const meta = {
  connection: "management",
  namespace: "default",
  name: "part",
  uid: "uid-part",
  resourceVersion: "2",
};

describe("a namesake", () => {
  const pasts: Record<string, Outcome | Error> = {
    "done with the same inputs": done(),
    parked: failed("Broken", "it is broken"),
    "asleep for a day": requeueAfter(86_400_000, "Later"),
    waiting: waitFor([change(partView.type, { meta })], { timeoutMs: 86_400_000, reason: "Waiting" }),
    "backing off": new Error("no"),
  };
  for (const [past, ended] of Object.entries(pasts)) {
    for (const seen of ["deleted and created", "created, its deletion missed"]) {
      it(`inherits nothing from an object that was ${past} (${seen}) [T2] [S1]`, async () => {
        const bench = hubBench();
        await bench.list(widget({ version: "1" }), part({ version: "2", size: 1 }));
        await bench.runs[0]?.answer(ended instanceof Error ? { fault: ended } : ended);
        expect(bench.runs).toHaveLength(1);
        if (seen === "deleted and created") await bench.lose(widget({ version: "101" }));
        await bench.see(widget({ version: "102", uid: "uid-new" }));
        expect(bench.runs).toHaveLength(2);
        await bench.runs[1]?.answer(done());
        await bench.clock.advance(2 * 86_400_000);
        expect(bench.runs).toHaveLength(2);
      });
    }
  }

  it("is not judged by the ledger of an object that went while the hub was down [T2]", async () => {
    const ledger = memoryLedger();
    const before = hubBench({ ledger });
    await before.list(widget({ version: "1" }));
    await before.runs[0]?.answer(done());
    await before.hub.stop(0);
    const after = hubBench({ ledger });
    await after.list(widget({ version: "100", uid: "uid-new" }));
    expect(after.runs).toHaveLength(1);
    await after.runs[0]?.answer(done());
    await after.hub.stop(0);
    expect(Object.keys(ledger.current()?.records ?? {})).not.toContain("widget-make/uid-one");
  });

  it("gets a run of its own when it appears while the step of the other still runs, and that one's outcome is nothing to it [T2] [T5]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.see(widget({ version: "102", uid: "uid-new" }));
    expect(bench.runs).toHaveLength(2);
    await bench.runs[0]?.answer({ outcomes: new Map([["uid-one", failed("Broken", "old")]]) });
    expect(bench.events.filter(({ kind }) => kind === "parked")).toEqual([]);
    await bench.runs[1]?.answer(done());
    expect(bench.hub.idle).toBe(true);
  });

  it("is not taken away by the late news that the other is gone", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.see(widget({ version: "102", uid: "uid-new" }));
    await bench.lose(widget({ version: "101" }));
    expect(bench.hub.figures().objects).toBe(1);
    await bench.runs[1]?.answer(done());
    await bench.see(widget({ version: "103", uid: "uid-new", want: 4 }));
    expect(bench.runs).toHaveLength(3);
  });
});
