import { describe, expect, it } from "vitest";
import { backoffMs, defaultBackoff } from "#events/hub/backoff.ts";
import { writeNote, type FunctionNote } from "#events/hub/note.ts";
import { NOTE_ANNOTATION } from "#events/hub/projection.ts";
import { silentReporter, type Reporter } from "#events/hub/reporter.ts";
import { RunnerFault } from "#events/transport/runner.ts";
import { done, failed } from "#functions/contract/outcome.ts";
import { KubeError, type KubeErrorReason } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { hubBench, widget, widgetFunction, widgetView } from "#test/support/hub-bench.ts";

const kubeError = (reason: KubeErrorReason, more: { retryAfterMs?: number; dependency?: string } = {}) =>
  new KubeError({ reason, message: reason, dependency: "management", ...more });

/** A reporter that keeps the notes, as the annotation would. */
function recorder() {
  let annotation: string | undefined;
  const notes: (FunctionNote | undefined)[] = [];
  const failures: string[] = [];
  const reporter: Reporter = {
    ...silentReporter,
    note: (fn, _object, _uid, note) => {
      notes.push(note);
      annotation = writeNote(annotation, fn.name, note) ?? undefined;
    },
    failed: (_fn, _object, _uid, { reason }) => failures.push(reason),
  };
  const noted = (object: KubeObject): KubeObject => ({
    ...object,
    metadata: {
      ...object.metadata,
      annotations: annotation === undefined ? {} : { [NOTE_ANNOTATION]: annotation },
    },
  });
  return { reporter, notes, failures, noted };
}

async function faultTimes(bench: ReturnType<typeof hubBench>, times: number, fault: unknown): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    const before = bench.runs.length;
    await bench.runs.at(-1)?.answer({ fault });
    for (let waited = 0; bench.runs.length === before && waited < 700; waited += 1)
      await bench.clock.advance(1_000);
  }
}

describe("backoff", () => {
  it("doubles up to its cap, with full jitter and a floor", () => {
    const at = (faults: number, random: number) => backoffMs(defaultBackoff, faults, () => random);
    expect([1, 2, 3, 10, 1_000].map((faults) => at(faults, 1))).toEqual([
      1_000, 2_000, 4_000, 300_000, 300_000,
    ]);
    expect(at(5, 0.5)).toBe(8_000);
    expect(at(5, 0)).toBe(100);
  });

  it("does what the server asks, between floor and cap; what is not positive asks nothing", () => {
    const asked = (retryAfterMs: number) => backoffMs(defaultBackoff, 3, () => 0.5, retryAfterMs);
    expect(asked(7_000)).toBe(7_000);
    expect(asked(1)).toBe(100);
    expect(asked(86_400_000)).toBe(300_000);
    expect([0, -5].map(asked)).toEqual([2_000, 2_000]);
  });
});

describe("a fault", () => {
  it("of the object uses its budget; when that is used up the item is parked, and says so", async () => {
    const { reporter, failures, notes } = recorder();
    const bench = hubBench({ reporter });
    await bench.list(widget({ version: "1" }));
    await faultTimes(bench, 9, new TypeError("no"));
    expect(bench.runs).toHaveLength(10);
    expect(notes.map((note) => note?.faults)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await faultTimes(bench, 1, new TypeError("no"));
    expect(bench.runs).toHaveLength(10);
    expect(failures).toEqual(["AttemptsExhausted"]);
    expect(bench.hub.figures().parked).toBe(1);
  });

  it("of a long time ago is forgotten", async () => {
    const bench = hubBench({
      policy: {
        backoff: { ...defaultBackoff, budget: 3, budgetWindowMs: 10_000, firstMs: 12_000, longestMs: 12_000 },
      },
    });
    await bench.list(widget({ version: "1" }));
    await faultTimes(bench, 20, new TypeError("no"));
    expect(bench.hub.figures().parked).toBe(0);
  });

  it("leaves its count on the object, so that a hub that crashes on it cannot begin anew each time", async () => {
    const { reporter, noted } = recorder();
    let lives = 0;
    for (; lives < 20; lives += 1) {
      const bench = hubBench({ reporter });
      await bench.list(noted(widget({ version: String(lives + 1) })));
      if (bench.runs.length === 0) break;
      await bench.runs[0]?.answer({ fault: new TypeError("no") });
    }
    expect(lives).toBe(10);
  });

  it("leaves its park on the object, which a hub without a ledger keeps to until what it rests on changes", async () => {
    const { reporter, noted } = recorder();
    const first = hubBench({ reporter });
    await first.list(widget({ version: "1" }));
    await first.runs[0]?.answer(failed("Broken", "it is broken"));
    const second = hubBench({ reporter });
    await second.list(noted(widget({ version: "50" })));
    expect(second.runs).toHaveLength(0);
    await second.see(noted(widget({ version: "101", want: 3 })));
    expect(second.runs).toHaveLength(1);
  });

  it("after a park is judged with a new budget when the inputs have changed", async () => {
    const { reporter, failures } = recorder();
    const bench = hubBench({ reporter });
    await bench.list(widget({ version: "1" }));
    await faultTimes(bench, 10, new TypeError("no"));
    await bench.see(widget({ version: "101", want: 3 }));
    expect(bench.events.filter(({ kind }) => kind === "unparked")).toHaveLength(1);
    await faultTimes(bench, 9, new TypeError("no"));
    expect(failures).toEqual(["AttemptsExhausted"]);
    await faultTimes(bench, 1, new TypeError("no"));
    expect(failures).toEqual(["AttemptsExhausted", "AttemptsExhausted"]);
  });

  it("is taken off the object when the step gets on, and when there is nothing to do any more", async () => {
    const { reporter, notes } = recorder();
    const bench = hubBench({ reporter });
    await bench.list(widget({ version: "1" }));
    await faultTimes(bench, 1, new TypeError("no"));
    await bench.runs[1]?.answer(done());
    expect(notes.at(-1)).toBeUndefined();
    await bench.see(widget({ version: "101", want: 2 }));
    await faultTimes(bench, 1, new TypeError("no"));
    await bench.see(widget({ version: "102", want: 2, have: 2 }));
    expect(notes.at(-1)).toBeUndefined();
    expect(notes).toHaveLength(4);
  });

  it("in a park still lets a change of the spec and the deletion be served [S8]", async () => {
    const bench = hubBench({ functions: [deletable()] });
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer(failed("Broken", "it is broken"));
    await bench.see(widget({ version: "101", deleting: true }));
    expect(bench.runs).toHaveLength(2);
  });

  for (const reason of ["unavailable", "timeout", "tooMany", "forbidden", "unauthorized", "gone"] as const) {
    it(`of the platform (${reason}) never uses the object's budget, however often it comes`, async () => {
      const { reporter, notes } = recorder();
      const bench = hubBench({
        reporter,
        policy: { breaker: { threshold: 1_000, firstOpenMs: 1, longestOpenMs: 1 } },
      });
      await bench.list(widget({ version: "1" }));
      await faultTimes(bench, 30, kubeError(reason));
      expect(bench.runs).toHaveLength(31);
      expect(notes).toEqual([]);
    });
  }

  it("of the runner (no pod, no answer of its transport) never uses the object's budget", async () => {
    const { reporter, notes } = recorder();
    const bench = hubBench({ reporter });
    await bench.list(widget({ version: "1" }));
    await faultTimes(bench, 20, new RunnerFault(new Error("502")));
    expect([bench.runs.length, notes.length]).toEqual([21, 0]);
  });

  it("with Retry-After is tried again when the server said, and not before", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer({ fault: kubeError("tooMany", { retryAfterMs: 17_000 }) });
    await bench.clock.advance(16_999);
    expect(bench.runs).toHaveLength(1);
    await bench.clock.advance(1);
    expect(bench.runs).toHaveLength(2);
  });

  it("that is a conflict is a fresh look at once, a few times, then with a pause, and never an error of the object", async () => {
    const { reporter, notes, failures } = recorder();
    const bench = hubBench({ reporter });
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer({ fault: kubeError("conflict") });
    await bench.clock.advance(0);
    expect(bench.runs).toHaveLength(2);
    for (let n = 1; n < 5; n += 1) {
      await bench.runs.at(-1)?.answer({ fault: kubeError("conflict") });
      await bench.clock.advance(100);
    }
    expect(bench.runs).toHaveLength(6);
    await bench.runs.at(-1)?.answer({ fault: kubeError("conflict") });
    await bench.clock.advance(100);
    expect(bench.runs).toHaveLength(6);
    await bench.clock.advance(1_000);
    expect(bench.runs).toHaveLength(7);
    await faultTimes(bench, 20, kubeError("alreadyExists"));
    expect([notes.length, failures.length]).toEqual([0, 0]);
  });

  it("that is over a deadline uses the budget, so that a step that never ends is parked in the end", async () => {
    const bench = hubBench({ policy: { backoff: { ...defaultBackoff, budget: 3 } } });
    await bench.list(widget({ version: "1" }));
    await bench.clock.advance(600_000);
    expect(bench.runs).toHaveLength(3);
    expect(bench.hub.figures().parked).toBe(1);
  });

  it("never shows its text in an event: it may quote what must not be logged", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer({ fault: new TypeError("token abc123") });
    expect(JSON.stringify(bench.events)).not.toContain("abc123");
  });
});

function deletable() {
  return widgetFunction({
    inputs: ({ object }) => [object.spec.want, object.meta.deletionTimestamp],
  });
}

describe("a runner that could not run the step", () => {
  it("is tried again soon, then with growing pauses, and never counts against the object", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    const pauses: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      const before = bench.runs.length;
      const began = bench.clock.now();
      await bench.runs.at(-1)?.answer({ fault: new RunnerFault(new Error("x"), { said: "HTTP 502" }) });
      while (bench.runs.length === before) await bench.clock.advance(50);
      pauses.push(bench.clock.now() - began);
    }
    expect(pauses.slice(0, 4)).toEqual([150, 500, 1_000, 2_000]);
    expect(bench.hub.figures().parked).toBe(0);
    const [explained] = bench.hub.explain(
      { connection: "management", namespace: "default", name: "one" },
      widgetView,
    );
    expect(explained).toMatchObject({ faults: 0, lastOutcome: "fault: RunnerFault: HTTP 502" });
  });

  it("is tried again when it asked to be", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.runs[0]?.answer({ fault: new RunnerFault(new Error("x"), { retryAfterMs: 7_000 }) });
    await bench.clock.advance(6_999);
    expect(bench.runs).toHaveLength(1);
    await bench.clock.advance(1);
    expect(bench.runs).toHaveLength(2);
  });
});
