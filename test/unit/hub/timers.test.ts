import { describe, expect, it } from "vitest";
import { Timers } from "#events/hub/timers.ts";
import { requeueAfter } from "#functions/contract/outcome.ts";
import { FakeClock } from "#test/support/fake-clock.ts";
import { hubBench, widget, widgetFunction } from "#test/support/hub-bench.ts";

const DAY = 86_400_000;

/** A clock whose wall time can jump while its monotonic time and its timers go on as they were. */
class JumpingClock extends FakeClock {
  #offset = 0;
  override now(): number {
    return super.now() + this.#offset;
  }
  override monotonic(): number {
    return super.now();
  }
  jump(ms: number): void {
    this.#offset += ms;
  }
}

function timers(clock = new FakeClock()) {
  const fired: string[] = [];
  return { clock, fired, timers: new Timers(clock, (id) => fired.push(id)) };
}

describe("due times", () => {
  it("come in their order, each once, also beyond the 24.8 days a timer of the platform can hold", async () => {
    const bench = timers();
    const start = bench.clock.now();
    for (const [id, days] of [
      ["b", 40],
      ["a", 26],
      ["c", 400],
    ] as const)
      bench.timers.set(id, start + days * DAY);
    await bench.clock.advance(25 * DAY);
    expect(bench.fired).toEqual([]);
    await bench.clock.advance(376 * DAY);
    expect(bench.fired).toEqual(["a", "b", "c"]);
  }, 30_000);

  it("replace one another: the last one set counts, earlier or later, and a cleared one never comes", async () => {
    const bench = timers();
    const start = bench.clock.now();
    bench.timers.set("later", start + 1_000);
    bench.timers.set("later", start + 5_000);
    bench.timers.set("earlier", start + 5_000);
    bench.timers.set("earlier", start + 1_000);
    bench.timers.set("cleared", start + 1_000);
    bench.timers.clear("cleared");
    await bench.clock.advance(2_000);
    expect(bench.fired).toEqual(["earlier"]);
    await bench.clock.advance(10_000);
    expect(bench.fired).toEqual(["earlier", "later"]);
  });

  it("can be set again after they were cleared, and come once", async () => {
    const bench = timers();
    const at = bench.clock.now() + 1_000;
    bench.timers.set("a", at);
    bench.timers.clear("a");
    bench.timers.set("a", at);
    await bench.clock.advance(5_000);
    expect(bench.fired).toEqual(["a"]);
  });

  it("that are past come at once, but never within the call", async () => {
    const bench = timers();
    bench.timers.set("a", bench.clock.now() - 1);
    expect(bench.fired).toEqual([]);
    await bench.clock.advance(0);
    expect(bench.fired).toEqual(["a"]);
  });

  it("come once, soon after the wall clock jumped past them", async () => {
    const bench = timers(new JumpingClock());
    const clock = bench.clock as JumpingClock;
    bench.timers.set("a", clock.now() + 3_600_000);
    clock.jump(3_600_000);
    await clock.advance(300_000);
    expect(bench.fired).toEqual(["a"]);
    await clock.advance(2 * 3_600_000);
    expect(bench.fired).toEqual(["a"]);
  });

  it("do not come early when the wall clock was set back", async () => {
    const bench = timers(new JumpingClock());
    const clock = bench.clock as JumpingClock;
    bench.timers.set("a", clock.now() + 600_000);
    clock.jump(-60_000);
    await clock.advance(600_000);
    expect(bench.fired).toEqual([]);
    await clock.advance(60_000);
    expect(bench.fired).toEqual(["a"]);
  });

  it("that replace each other for ever take no more and more memory", () => {
    const bench = timers();
    const start = bench.clock.now();
    for (let n = 0; n < 200_000; n += 1) bench.timers.set("a", start + DAY + n);
    expect(bench.timers.size).toBe(1);
    expect(bench.clock.pending).toBe(1);
  });

  it("end with the hub", async () => {
    const bench = timers();
    bench.timers.set("a", bench.clock.now() + 1_000);
    bench.timers.stop();
    bench.timers.set("b", bench.clock.now() + 1_000);
    await bench.clock.advance(5_000);
    expect(bench.fired).toEqual([]);
  });
});

describe("the time of a step", () => {
  it("is not over because the wall clock jumped: deadlines are monotonic", async () => {
    const clock = new JumpingClock();
    const bench = hubBench({ clock });
    await bench.list(widget({ version: "1" }));
    clock.jump(3_600_000);
    await clock.advance(29_999);
    expect(bench.runs[0]?.dispatch.attempt.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(bench.runs[0]?.dispatch.attempt.signal.aborted).toBe(true);
  });

  it("comes when the predicate said it would, and moves with what the predicate rests on", async () => {
    let due = 0;
    const fn = widgetFunction({ needs: ({ object }) => new Date(due + object.spec.want * 1_000) });
    const bench = hubBench({ functions: [fn] });
    due = bench.clock.now();
    await bench.list(widget({ version: "1", want: 100 }));
    await bench.clock.advance(50_000);
    await bench.see(widget({ version: "101", want: 60 }));
    await bench.clock.advance(9_999);
    expect(bench.runs).toHaveLength(0);
    await bench.clock.advance(1);
    expect(bench.runs).toHaveLength(1);
  });

  it("comes again with the next Date of the predicate after the step of the last one is done", async () => {
    let due = 0;
    const fn = widgetFunction({ needs: ({ object }) => new Date(due + object.spec.want * 1_000) });
    const bench = hubBench({ functions: [fn] });
    due = bench.clock.now();
    await bench.list(widget({ version: "1", want: 10 }));
    await bench.clock.advance(10_000);
    await bench.runs[0]?.answer(requeueAfter(1_000, "Again"));
    await bench.see(widget({ version: "101", want: 30 }));
    await bench.clock.advance(10_000);
    expect(bench.runs).toHaveLength(1);
    await bench.clock.advance(10_000);
    expect(bench.runs).toHaveLength(2);
  });

  it("is looked at anyway in the regular sweep, without a request", async () => {
    let broken = true;
    const fn = widgetFunction({ needs: () => !broken });
    const bench = hubBench({ functions: [fn] });
    await bench.list(
      ...Array.from({ length: 500 }, (_, n) => widget({ name: `w${n}`, version: String(n + 1) })),
    );
    broken = false;
    await bench.clock.advance(3_599_999);
    expect(bench.runs).toHaveLength(0);
    await bench.clock.advance(1_000);
    expect(bench.runs.length).toBeGreaterThan(0);
    expect(bench.hub.figures().queued + bench.hub.figures().inFlight).toBe(500);
  });
});
