import { describe, expect, it } from "vitest";
import { observeWith } from "#cli/operator/observe.ts";
import { createMetrics } from "#platform/observability/metrics.ts";
import { FakeClock } from "#test/support/fake-clock.ts";

function observed() {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const write = (fields: Readonly<Record<string, unknown>>) => void lines.push(fields);
  const clock = new FakeClock();
  const metrics = createMetrics(() => expect.fail("nothing is scraped"));
  const observe = observeWith({
    log: { debug: write, info: write, warn: write, error: write },
    metrics,
    clock,
    functions: [],
  });
  const fail = (fn: string, object: string) =>
    observe({ kind: "predicateFailed", function: fn, object, message: "cannot be" });
  return { lines, clock, metrics, fail };
}

describe("a predicate that keeps failing", () => {
  it("is counted every time", async () => {
    const { fail, metrics } = observed();
    for (let n = 0; n < 500; n += 1) fail("vm-create", `demo/m-${n}`);
    fail("vm-delete", "demo/m-1");
    const { values } = await metrics.predicateFailures.get();
    expect(values.map(({ labels, value }) => [labels.function, value])).toEqual([
      ["vm-create", 500],
      ["vm-delete", 1],
    ]);
  });

  it("is logged once a minute per function, with how often it was not", async () => {
    const { fail, lines, clock } = observed();
    for (let n = 0; n < 500; n += 1) fail("vm-create", `demo/m-${n}`);
    fail("vm-delete", "demo/m-1");
    await clock.advance(60_000);
    fail("vm-create", "demo/m-7");
    expect(lines).toEqual([
      { function: "vm-create", object: "demo/m-0", error: "cannot be", passedOver: 0 },
      { function: "vm-delete", object: "demo/m-1", error: "cannot be", passedOver: 0 },
      { function: "vm-create", object: "demo/m-7", error: "cannot be", passedOver: 499 },
    ]);
  });
});
