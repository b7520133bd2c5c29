import { describe, expect, it } from "vitest";
import { defaultPolicy } from "#events/hub/policy.ts";
import type { Dispatch, RunResult } from "#events/transport/runner.ts";
import { done, failed, requeueAfter, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { hubBench, widget, widgetFunction } from "#test/support/hub-bench.ts";
import { settle } from "#test/support/fake-clock.ts";

const MARGIN = defaultPolicy.deadlineMarginMs;

/** A hub whose runner answers as told, once; later runs stay open. */
function benchWithRunner(first: (dispatch: Dispatch) => Promise<RunResult>) {
  const dispatched: Dispatch[] = [];
  const bench = hubBench({
    runner: {
      run: (dispatch) => {
        dispatched.push(dispatch);
        return dispatched.length === 1 ? first(dispatch) : new Promise(() => undefined);
      },
    },
  });
  return { ...bench, dispatched };
}

/** The slot is free: a change of the inputs starts a run at once. */
async function expectFree(bench: ReturnType<typeof benchWithRunner>): Promise<void> {
  expect(bench.hub.figures().inFlight).toBe(0);
  const before = bench.dispatched.length;
  await bench.see(widget({ version: "900", want: 77 }));
  expect(bench.dispatched).toHaveLength(before + 1);
}

const answering = (outcome: Outcome) => (dispatch: Dispatch) =>
  Promise.resolve({
    token: dispatch.attempt.token,
    outcomes: new Map([["uid-one", outcome]]),
    written: [],
  });

describe("the slot of a key", () => {
  const endings: Record<string, (dispatch: Dispatch) => Promise<RunResult>> = {
    done: answering(done()),
    "a wait": answering(waitFor([], { timeoutMs: 60_000, reason: "Waiting" })),
    "a requeue": answering(requeueAfter(60_000, "Later")),
    "a failure": answering(failed("Broken", "it is broken")),
    "an outcome of an unknown kind": answering({ kind: "retry" } as unknown as Outcome),
    "a requeue after no number": answering(requeueAfter(Number.NaN, "Later")),
    "a wait without an end": answering(waitFor([], { timeoutMs: Number.POSITIVE_INFINITY, reason: "Ever" })),
    "no outcome for the item": ({ attempt }) =>
      Promise.resolve({ token: attempt.token, outcomes: new Map(), written: [] }),
    "a fault": ({ attempt }) =>
      Promise.resolve({ token: attempt.token, outcomes: new Map(), written: [], fault: new Error("no") }),
    "an answer that is none": () => Promise.resolve(undefined as unknown as RunResult),
    "an answer without outcomes": () => Promise.resolve({} as unknown as RunResult),
    "a runner that rejects": () => Promise.reject(new Error("no pod")),
    "a runner that throws at once": () => {
      throw new Error("no pod");
    },
  };
  for (const [name, run] of Object.entries(endings)) {
    it(`is free after ${name} [T1]`, async () => {
      const bench = benchWithRunner(run);
      await bench.list(widget({ version: "1" }));
      expect(bench.dispatched).toHaveLength(1);
      await expectFree(bench);
    });
  }

  it("is free after the deadline and its margin when a run never ends, and no earlier [T1]", async () => {
    const bench = benchWithRunner(() => new Promise(() => undefined));
    await bench.list(widget({ version: "1" }));
    await bench.clock.advance(30_000 + MARGIN - 1);
    expect(bench.hub.figures().inFlight).toBe(1);
    expect(bench.dispatched[0]?.attempt.signal.aborted).toBe(true);
    await bench.clock.advance(1);
    await expectFree(bench);
  });

  it("is free when the object vanishes between queueing and start [T1]", async () => {
    const bench = hubBench({ policy: { maxInFlight: 1 } });
    await bench.list(widget({ version: "1" }), widget({ name: "two", version: "2" }));
    expect(bench.hub.figures()).toMatchObject({ inFlight: 1, queued: 1 });
    await bench.lose(widget({ name: "two", version: "101" }));
    await bench.runs[0]?.answer(done());
    expect(bench.hub.figures()).toMatchObject({ inFlight: 0, queued: 0 });
    await bench.see(widget({ name: "two", uid: "uid-new", version: "102" }));
    expect(bench.runs).toHaveLength(2);
  });

  it("is free when the object vanishes while its step runs [T1]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.lose(widget({ version: "101" }));
    await bench.runs[0]?.answer(done());
    expect(bench.hub.figures().inFlight).toBe(0);
    expect(bench.hub.idle).toBe(true);
  });

  it("is free when the predicate throws between queueing and start, and other keys run [T1]", async () => {
    let poisoned = false;
    const fn = widgetFunction({
      needs: ({ object }) => {
        if (poisoned && object.meta.name === "two") throw new Error("no");
        return object.spec.want !== object.status.have;
      },
    });
    const bench = hubBench({ functions: [fn], policy: { maxInFlight: 1 } });
    await bench.list(...["one", "two", "three"].map((name, n) => widget({ name, version: String(n + 1) })));
    poisoned = true;
    await bench.runs[0]?.answer(done());
    expect(bench.runs.map(({ dispatch }) => dispatch.items[0]?.object.name)).toEqual(["one", "three"]);
    poisoned = false;
    await bench.runs[1]?.answer(done());
    await bench.see(widget({ name: "two", version: "101", want: 5 }));
    expect(bench.runs).toHaveLength(3);
  });

  it("is free, and nothing starts, when the hub stops while a step runs [T1]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }), widget({ name: "two", version: "2" }));
    const stopped = bench.hub.stop(10_000);
    await bench.see(widget({ name: "three", version: "101" }));
    await bench.runs[0]?.answer(done());
    await bench.runs[1]?.answer(done());
    await stopped;
    expect(bench.runs).toHaveLength(2);
    expect(bench.hub.figures().inFlight).toBe(0);
  });

  it("keeps nobody waiting for ever at the stop: what runs too long may not write any more [T1]", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    const stopped = bench.hub.stop(10_000);
    await bench.clock.advance(9_999);
    expect(bench.runs[0]?.dispatch.attempt.signal.aborted).toBe(false);
    await bench.clock.advance(1);
    await stopped;
    expect(bench.runs[0]?.dispatch.attempt.signal.aborted).toBe(true);
  });

  it("is held by one run at a time, also after its deadline has passed and before the margin is over", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.clock.advance(31_000);
    await bench.see(widget({ version: "101", want: 9 }));
    expect(bench.runs).toHaveLength(1);
    await bench.clock.advance(MARGIN);
    await settle();
    expect(bench.runs).toHaveLength(2);
  });

  it("is given back at once when leadership is lost: nothing starts, and what runs may not write", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    bench.hub.stepDown("the Lease is held by somebody else");
    expect(bench.runs[0]?.dispatch.attempt.signal.aborted).toBe(true);
    await bench.see(widget({ name: "two", version: "101" }));
    expect(bench.runs).toHaveLength(1);
  });
});
