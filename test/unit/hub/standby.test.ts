import { describe, expect, it } from "vitest";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { done } from "#functions/contract/outcome.ts";
import { settle } from "#test/support/fake-clock.ts";
import { hubBench, widget } from "#test/support/hub-bench.ts";

const made = { want: 1, have: 0 };

describe("a hub on standby", () => {
  it("knows everything, asks for what its functions look at, and runs nothing", async () => {
    const wanted: string[] = [];
    const bench = hubBench({
      standby: true,
      demand: { wanted: (view) => wanted.push(view.type.plural), unwanted: () => undefined },
    });
    await bench.list(widget({ name: "a", version: "5", ...made, part: "p" }));
    expect(bench.hub.index.size).toBe(1);
    expect(wanted).toEqual(["parts"]);
    expect(bench.runs).toEqual([]);
    expect(bench.hub.figures().queued).toBe(0);
    expect(bench.hub.leads).toBe(false);
  });

  it("runs what is to be done once it leads, with the epoch of its Lease", async () => {
    const bench = hubBench({ standby: true });
    await bench.list(widget({ name: "a", version: "5", ...made }));
    await bench.hub.lead(7);
    await settle();
    expect(bench.runs.map(({ dispatch }) => dispatch.attempt.token)).toEqual(["7.1"]);
  });

  it("wakes nobody for what the hub before it has done, and counts on from its attempts", async () => {
    const ledger = memoryLedger();
    const leader = hubBench({ ledger });
    await leader.list(widget({ name: "a", version: "5", ...made }));
    await leader.runs[0]!.answer(done());
    const standby = hubBench({ ledger, standby: true });
    await standby.list(widget({ name: "a", version: "5", ...made }));
    await leader.hub.stop();
    await standby.hub.lead(0);
    await settle();
    expect(standby.runs).toEqual([]);
    await standby.see(widget({ name: "a", version: "9", want: 2, have: 0 }));
    expect(standby.runs).toHaveLength(1);
    const [epoch = ""] = standby.runs[0]!.dispatch.attempt.token.split(".");
    expect(Number(epoch)).toBeGreaterThan(Number(leader.runs[0]!.dispatch.attempt.token.split(".")[0]));
  });

  it("stores no ledger before it leads: the leader's stays as it is", async () => {
    const ledger = memoryLedger();
    const saved: unknown[] = [];
    const watched = {
      ...ledger,
      save: (snapshot: Parameters<typeof ledger.save>[0]) => {
        saved.push(snapshot);
        return ledger.save(snapshot);
      },
    };
    const bench = hubBench({ ledger: watched, standby: true });
    await bench.list(widget({ name: "a", version: "5", ...made }));
    await bench.clock.advance(120_000);
    await bench.hub.stop();
    expect(saved).toEqual([]);
  });
});
