import { describe, expect, it } from "vitest";
import { defaultPolicy } from "#events/hub/policy.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { RunnerFault } from "#events/transport/runner.ts";
import { done, failed } from "#functions/contract/outcome.ts";
import { hubBench, widget, widgetView } from "#test/support/hub-bench.ts";

const lateOnes = (events: { kind: string }[]) => events.filter(({ kind }) => kind === "late");

describe("the outcome of an attempt", () => {
  it("is dropped and counted when the attempt was given up and another has begun [T5]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.clock.advance(60_000);
    expect(bench.runs).toHaveLength(2);
    await bench.runs[0]?.answer(failed("Broken", "late"));
    expect(lateOnes(bench.events)).toEqual([
      { kind: "late", function: "widget-make", attempt: bench.runs[0]?.dispatch.attempt.token },
    ]);
    expect(
      bench.hub.explain({ connection: "management", namespace: "default", name: "one" }, widgetView)[0]
        ?.record,
    ).toMatchObject({ kind: "due" });
    await bench.runs[1]?.answer(done());
    expect(bench.hub.idle).toBe(true);
  });

  it("is dropped after the item was parked without it [T5]", async () => {
    const bench = hubBench({
      policy: { backoff: { firstMs: 1, longestMs: 1, budget: 1, budgetWindowMs: 60_000 } },
    });
    await bench.list(widget({ version: "1" }));
    await bench.clock.advance(60_000);
    expect(bench.events.filter(({ kind }) => kind === "parked")).toHaveLength(1);
    await bench.runs[0]?.answer(done());
    expect(lateOnes(bench.events)).toHaveLength(1);
    expect(bench.hub.figures().parked).toBe(1);
  });

  it("is dropped when it names another attempt, and the run it came from is given up in its time [T5]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }), widget({ name: "two", version: "2" }));
    const other = bench.runs[1]?.dispatch.attempt.token ?? "";
    await bench.runs[0]?.answer({ token: other, outcomes: new Map([["uid-two", done()]]) });
    expect(lateOnes(bench.events)).toHaveLength(1);
    expect(bench.hub.figures().inFlight).toBe(2);
    await bench.runs[1]?.answer(done());
    await bench.clock.advance(35_000);
    expect(bench.events.filter((event) => event.kind === "outcome").map(({ outcome }) => outcome)).toEqual([
      "done",
      "fault",
    ]);
  });

  it("counts once: saying it again changes nothing [T5]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer(done());
    await bench.runs[0]?.answer(failed("Broken", "again"));
    expect(bench.events.filter(({ kind }) => kind === "outcome")).toHaveLength(1);
  });

  it("carries a token no other life of the hub has used, also when that life ended before it stored anything [T5]", async () => {
    const ledger = memoryLedger();
    const first = hubBench({ ledger });
    await first.list(widget({ version: "1" }));
    const second = hubBench({ ledger });
    await second.clock.advance(1_000);
    await second.list(widget({ version: "1" }));
    const tokens = [first, second].map(({ runs }) => runs[0]?.dispatch.attempt.token);
    expect(tokens[0]).not.toBe(tokens[1]);
  });

  it("carries the epoch of the Lease when there is one", async () => {
    const bench = hubBench({ epoch: 7 });
    await bench.list(widget({ version: "1" }));
    expect(bench.runs[0]?.dispatch.attempt.token).toBe("7.1");
  });

  it("that nothing proves to have ended keeps its key until the margin after its deadline, and is counted [T5]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    const [run] = bench.runs;
    await bench.clock.advance(30_000);
    expect(run?.dispatch.attempt.signal.aborted).toBe(true);
    const said = "nobody took the step up before its deadline";
    await run?.answer({ fault: new RunnerFault(new Error(said), { said }), mayStillRun: true });
    await bench.clock.advance(defaultPolicy.deadlineMarginMs - 1);
    expect(bench.runs).toHaveLength(1);
    expect(bench.hub.figures().inFlight).toBe(1);
    await bench.clock.advance(1 + 200);
    expect(lateOnes(bench.events)).toHaveLength(1);
    expect(bench.runs).toHaveLength(2);
    const [explained] = bench.hub.explain(
      { connection: "management", namespace: "default", name: "one" },
      widgetView,
    );
    expect(explained).toMatchObject({ faults: 0, lastOutcome: `fault: RunnerFault: ${said}` });
  });
});
