import * as fc from "fast-check";
import { KubeError } from "#platform/kube/errors.ts";
import { describe, expect, it } from "vitest";
import { defineBatchFunction } from "#functions/contract/define.ts";
import { done, requeueAfter, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import {
  hubBench,
  widget,
  widgetFunction,
  widgetRelations,
  widgetView,
  type Widget,
} from "#test/support/hub-bench.ts";
import type { StepEvent } from "#functions/contract/function.ts";

const perPool = { key: () => "pool/a" };

function batchFunction(name = "widget-batch") {
  return defineBatchFunction<Widget, object>({
    name,
    summary: "Serves all Widgets of a pool at once",
    on: ["dev.capfn.object.changed"],
    for: widgetView,
    related: widgetRelations,
    ...perPool,
    needs: ({ object }) => object.spec.want !== object.status.have,
    inputs: ({ object }) => object.spec.want,
    condition: "Served",
    rbac: [],
    uses: ["management"],
    handleBatch: ({ items }: { items: readonly StepEvent<Widget, object>[] }) =>
      Promise.resolve(new Map(items.map(({ object }) => [object.meta.uid, done()]))),
  });
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `w${String(n).padStart(5, "0")}`);
const widgets = (count: number) => names(count).map((name, n) => widget({ name, version: String(n + 1) }));
const ran = (bench: ReturnType<typeof hubBench>) =>
  bench.runs.map(({ dispatch }) => dispatch.items.map(({ object }) => object.name).join("+"));

describe("what runs when", () => {
  it("serialises items of one key across functions, first come, first served", async () => {
    const bench = hubBench({ functions: [widgetFunction({ name: "a" }), widgetFunction({ name: "b" })] });
    await bench.list(widget({ version: "1" }));
    expect(bench.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["a"]);
    await bench.runs[0]?.answer(done());
    expect(bench.runs.map(({ dispatch }) => dispatch.function.name)).toEqual(["a", "b"]);
  });

  it("runs items of a wider key one by one in the order in which they came", async () => {
    const bench = hubBench({ functions: [widgetFunction(perPool)] });
    await bench.list(...widgets(4));
    for (let n = 0; n < 4; n += 1) await bench.runs[n]?.answer(done());
    expect(ran(bench)).toEqual(names(4));
  });

  it("hands a batch function all due items of its key at once, and those that come meanwhile in the next run", async () => {
    const bench = hubBench({ functions: [batchFunction()] });
    await bench.list(...widgets(3));
    expect(ran(bench)).toEqual([names(3).join("+")]);
    await bench.see(widget({ name: "x", version: "101" }));
    await bench.see(widget({ name: "y", version: "102" }));
    await bench.runs[0]?.answer(done());
    expect(ran(bench)).toEqual([names(3).join("+"), "x+y"]);
  });

  it("runs each item of a batch that broke by itself, so that only the one that broke it uses up its budget", async () => {
    const bench = hubBench({
      functions: [batchFunction()],
      policy: { backoff: { firstMs: 1_000, longestMs: 1_000, budget: 3, budgetWindowMs: 1_800_000 } },
    });
    await bench.list(...widgets(3));
    const poison = names(3)[1] ?? "";
    for (let n = 0; n < 40 && !bench.hub.idle; n += 1) {
      const { dispatch, answer } = bench.runs.at(-1) ?? expect.fail();
      const broken = dispatch.items.some(({ object }) => object.name === poison);
      await answer(broken ? { fault: new TypeError("poison") } : done());
      await bench.clock.advance(2_000);
    }
    const outcomes = bench.events.filter((event) => event.kind === "outcome");
    expect(outcomes.filter(({ object }) => !object.endsWith(poison)).map(({ outcome }) => outcome)).toEqual([
      "fault",
      "fault",
      "done",
      "done",
    ]);
    expect(bench.events.filter(({ kind }) => kind === "parked")).toHaveLength(1);
  });

  const aborted = new KubeError({ reason: "timeout", dependency: "management", message: "aborted" });

  it("halves a batch that was more than one run can do, until it fits, and uses up nobody's budget", async () => {
    const bench = hubBench({ functions: [batchFunction()] });
    await bench.list(...widgets(8));
    for (let n = 0; n < 20 && bench.runs.length > n; n += 1) {
      const { dispatch, answer } = bench.runs[n] ?? expect.fail();
      if (dispatch.items.length > 3) {
        await bench.clock.advance(30_000);
        await answer({ fault: aborted, reached: ["management"] });
      } else await answer(done());
      await bench.clock.advance(1_000);
    }
    expect(bench.runs.map(({ dispatch }) => dispatch.items.length)).toEqual([8, 4, 4, 2, 2, 2, 2]);
    expect(bench.hub.figures()).toMatchObject({ parked: 0, openBreakers: [] });
  });

  it("does not halve a batch because an API server is dead", async () => {
    const bench = hubBench({ functions: [batchFunction()] });
    await bench.list(...widgets(8));
    await bench.clock.advance(30_000);
    await bench.runs[0]?.answer({ fault: aborted, reached: [] });
    await bench.clock.advance(60_000);
    expect(bench.runs[1]?.dispatch.items).toHaveLength(8);
  });

  it("does not let 1,000 items of a busy key hold up another key [T3]", async () => {
    const held = widgetFunction({ key: ({ object }) => (object.meta.name === "free" ? "free" : "busy") });
    const bench = hubBench({ functions: [held] });
    await bench.list(...widgets(1_000));
    expect(bench.runs).toHaveLength(1);
    await bench.see(widget({ name: "free", version: "5000" }));
    expect(ran(bench)).toEqual([names(1)[0], "free"]);
  });

  it("serves every one of 10,000 items exactly once within its limit, also when all are due again at the same moment [T3]", async () => {
    const bench = hubBench({ policy: { maxInFlight: 500, thrash: { burst: 30, paceMs: 30_000 } } });
    await bench.list(...widgets(10_000));
    const answerAll = async (outcome: Outcome) => {
      const start = answered;
      for (; answered < bench.runs.length; answered += 1) void bench.runs[answered]?.answer(outcome);
      await bench.clock.advance(0);
      return answered - start;
    };
    let answered = 0;
    while ((await answerAll(requeueAfter(60_000, "Later"))) > 0);
    expect(answered).toBe(10_000);
    expect(bench.hub.figures()).toMatchObject({ queued: 0, inFlight: 0, timers: 10_000 });
    await bench.clock.advance(60_000);
    while ((await answerAll(done())) > 0);
    expect(answered).toBe(20_000);
    const second = bench.runs.slice(10_000).map(({ dispatch }) => dispatch.items[0]?.object.name);
    expect(new Set(second).size).toBe(10_000);
    expect(bench.hub.figures()).toMatchObject({ queued: 0, inFlight: 0, timers: 0 });
  }, 60_000);

  it("takes the snapshot at dispatch, not at queueing", async () => {
    const bench = hubBench({ policy: { maxInFlight: 1 } });
    await bench.list(widget({ name: "one", version: "1" }), widget({ name: "two", version: "2", want: 5 }));
    await bench.see(widget({ name: "two", version: "101", want: 6 }));
    await bench.runs[0]?.answer(done());
    const { lookup, items } = bench.runs[1]?.dispatch ?? expect.fail();
    expect(lookup.get(widgetView, items[0]?.object ?? expect.fail())?.spec.want).toBe(6);
    await bench.see(widget({ name: "two", version: "102", want: 7 }));
    expect(lookup.get(widgetView, items[0]?.object ?? expect.fail())?.spec.want).toBe(6);
  });

  it("serves news before what came with the first list", async () => {
    const bench = hubBench({ policy: { maxInFlight: 1 } });
    await bench.list(...widgets(3));
    await bench.see(widget({ name: names(3)[2] ?? "", version: "101", want: 8 }));
    await bench.runs[0]?.answer(done());
    expect(ran(bench)).toEqual([names(3)[0], names(3)[2]]);
  });

  it("lets a change during the run beat the requeue the run asks for", async () => {
    const bench = hubBench();
    await bench.list(widget({ version: "1" }));
    await bench.see(widget({ version: "101", want: 2 }));
    await bench.runs[0]?.answer(requeueAfter(3_600_000, "Later"));
    expect(bench.runs).toHaveLength(2);
  });

  it("never has two runs of one key at the same time, whatever the world does and whatever steps answer", async () => {
    const event = fc.oneof(
      fc.record({
        kind: fc.constant("see" as const),
        name: fc.constantFrom("a", "b", "c"),
        want: fc.integer({ min: 0, max: 3 }),
        have: fc.integer({ min: 0, max: 3 }),
      }),
      fc.record({ kind: fc.constant("lose" as const), name: fc.constantFrom("a", "b", "c") }),
      fc.record({
        kind: fc.constant("answer" as const),
        at: fc.nat({ max: 5 }),
        how: fc.constantFrom("done", "later", "wait", "fault"),
      }),
      fc.record({ kind: fc.constant("time" as const), ms: fc.constantFrom(10, 1_000, 40_000) }),
    );
    const answers = {
      done: done(),
      later: requeueAfter(500, "Later"),
      wait: waitFor([], { timeoutMs: 700, reason: "Waiting" }),
      fault: { fault: new Error("no") },
    };
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (script) => {
        const shared = {
          key: ({ object }: { object: { spec: { want: number } } }) =>
            object.spec.want < 2 ? "shared" : `own-${object.spec.want}`,
        };
        const bench = hubBench({
          functions: [
            widgetFunction({ name: "x" }),
            widgetFunction({ name: "y", ...shared }),
            batchFunction("z"),
          ],
        });
        await bench.list();
        let answered = new Set<number>();
        const check = () => {
          const open = bench.runs.filter(
            (run, n) => !answered.has(n) && !run.dispatch.attempt.signal.aborted,
          );
          const keys = open.map(({ dispatch }) => dispatch.key);
          expect(new Set(keys).size).toBe(keys.length);
        };
        for (const each of script) {
          if (each.kind === "see") await bench.see(widget({ ...each, version: bench.next() }));
          else if (each.kind === "lose") await bench.lose(widget({ ...each, version: bench.next() }));
          else if (each.kind === "time") await bench.clock.advance(each.ms);
          else {
            const open = bench.runs.map((_, n) => n).filter((n) => !answered.has(n));
            const n = open[each.at % Math.max(1, open.length)];
            if (n === undefined) continue;
            answered = new Set([...answered, n]);
            await bench.runs[n]?.answer(answers[each.how]);
          }
          check();
        }
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
