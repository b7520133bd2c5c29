import { describe, expect, it } from "vitest";
import { shardOf } from "#cli/operator/shard.ts";

describe("the part of one hub among several", () => {
  it("has the plain Lease and ledger when it is everything", () => {
    expect(shardOf({})).toMatchObject({ lease: "capfn-hub", ledger: "capfn-ledger" });
  });

  it("names Lease and ledger after the part: the same for the same, another for another", () => {
    expect(shardOf({ watchFilter: "blue" }).lease).toBe("capfn-hub-filter-blue");
    expect(shardOf({ namespace: "team-a" }).ledger).toBe("capfn-ledger-ns-team-a");
    expect(shardOf({ namespace: "b,a" })).toEqual(shardOf({ namespace: "a, b,a" }));
    const names = [
      {},
      { watchFilter: "ns-a" },
      { namespace: "a" },
      { namespace: "a,b" },
      { watchFilter: "a" },
      { watchFilter: "a", namespace: "a" },
      { watchFilter: "A" },
      { watchFilter: "a".repeat(63) },
    ].map((flags) => shardOf(flags).lease);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9-]{1,63}$/);
  });

  it("takes another name when it is given one", () => {
    expect(shardOf({ namespace: "a,b", shardName: "north" }).lease).toBe("capfn-hub-north");
  });

  it.each([
    [{ namespace: "a,,b" }, '--namespace: "" is no namespace'],
    [{ namespace: "A" }, '--namespace: "A" is no namespace'],
    [{ watchFilter: "a b" }, '--watch-filter: "a b" is no value of a label'],
    [{ shardName: "-x" }, '--shard-name: "-x" is no name'],
  ])("says what is wrong with %j", (flags, message) => {
    expect(() => shardOf(flags)).toThrow(message);
  });
});
