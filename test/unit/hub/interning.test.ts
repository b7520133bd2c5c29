import { describe, expect, it } from "vitest";
import { Interning } from "#events/hub/interning.ts";

describe("equal strings of the index", () => {
  it("leave a value as it was, at every depth, frozen parts too", () => {
    const make = () => ({
      a: "x",
      list: ["y", { deep: "z", none: null, n: 1, yes: true }],
      long: "l".repeat(500),
    });
    const value = make();
    Object.freeze(value.list);
    new Interning().within([value, value]);
    expect(value).toEqual(make());
  });

  it("are kept once: ten thousand copies of a text of 60 characters free half a megabyte", async () => {
    const heapOf = async (intern: boolean): Promise<number> => {
      const interning = new Interning();
      const before = await settledHeap();
      const kept = Array.from({ length: 10_000 }, () => {
        const value: unknown = JSON.parse(
          '{"type":"ControlPlaneInitialized-and-some-more-of-it-so-that-it-is-60"}',
        );
        if (intern) interning.within(value);
        return value;
      });
      const used = (await settledHeap()) - before;
      expect(kept.length).toBe(10_000);
      return used;
    };
    const apart = await heapOf(false);
    const shared = await heapOf(true);
    expect(apart - shared).toBeGreaterThan(500_000);
  });

  it("are let go when they have not been said for a while: the memory of them is bounded", async () => {
    const interning = new Interning();
    const before = await settledHeap();
    for (let n = 0; n < 200_000; n += 1) interning.within({ name: `object-number-${n}` });
    expect((await settledHeap()) - before).toBeLessThan(3_000_000);
  });
});

async function settledHeap(): Promise<number> {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}
