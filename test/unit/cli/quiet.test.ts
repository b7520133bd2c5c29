import { describe, expect, it } from "vitest";
import { untilQuiet } from "#cli/operator/quiet.ts";
import type { Operator } from "#events/start.ts";
import { hubBench, widget } from "#test/support/hub-bench.ts";

/** How long it took until a hub that was shown one object with work came to rest. */
async function rest(options: { dispatch: boolean; quietMs: number }) {
  const bench = hubBench({ dispatch: options.dispatch });
  await bench.list(widget({ version: "1" }));
  const operator = { hub: bench.hub, ready: () => true } as unknown as Operator;
  const began = bench.clock.now();
  const ended = untilQuiet(operator, bench.clock, { timeoutMs: 10_000, ...options }).then((quiet) => ({
    quiet,
    afterMs: bench.clock.now() - began,
  }));
  await bench.clock.advance(11_000);
  return { ...(await ended), runs: bench.runs.length };
}

describe("a hub that only looks", () => {
  it("is at rest as soon as everything is judged, whatever is in line", async () => {
    const { quiet, afterMs, runs } = await rest({ dispatch: false, quietMs: 0 });
    expect(quiet).toBe(true);
    expect(afterMs).toBeLessThanOrEqual(50);
    expect(runs).toBe(0);
  });
});

describe("a hub that runs steps", () => {
  it("is not at rest while one is under way", async () => {
    expect(await rest({ dispatch: true, quietMs: 500 })).toMatchObject({ quiet: false, runs: 1 });
  });
});
