import { describe, expect, test } from "vitest";
import { poolReclaim } from "#functions/harvester/pool-reclaim/function.ts";
import { poolUse } from "#platform/harvester/ip-pool-use.ts";
import { ipPoolView } from "#platform/harvester/ip-pool.ts";
import { harvesterCluster, ipPool } from "#test/support/cluster-objects.ts";
import {
  HERE,
  conditions,
  holder,
  leaky,
  mark,
  pool,
  pools,
  setUp,
  waiting,
  type Json,
} from "./pool-setup.ts";

describe("what is missing", () => {
  const full = () =>
    leaky({ status: { allocated: { "10.50.0.10": holder("m-0"), "10.50.0.11": "kube-system/lb" } } });

  test("is told of all machines that began to wait together, by a condition, an Event and an emission", async () => {
    const { deps, world, run } = setUp({
      management: [waiting("m-1"), waiting("m-2", "2026-01-01T00:00:03Z")],
      harvester: [full()],
    });
    expect((await world.evaluate(poolReclaim, "demo")).need).toEqual(new Date("2026-01-01T00:00:08Z"));
    const message =
      "2 machines wait for an address: 2 addresses are short; IPPool a has no free address; widen spec.ranges, or name a further pool";
    expect(await run()).toEqual({
      demo: {
        kind: "done",
        emit: [
          {
            type: "dev.capfn.ippool.exhausted",
            data: { cluster: "demo/demo", reason: "AddressesExhausted", message },
          },
        ],
      },
    });
    expect(conditions(deps)).toEqual(["AddressesAvailable=False/AddressesExhausted"]);
    expect(deps.announced.map(({ event }) => event)).toEqual([
      { type: "Warning", reason: "AddressesExhausted", message },
    ]);
    expect((await world.evaluate(poolReclaim, "demo")).need).toBe(false);
  });

  test("is looked for in the pools a waiting machine names itself too", async () => {
    const own = { vmNetworkConfig: { ...pools, ipPoolRef: "b" } };
    const machine = waiting("m-1") as { spec: Json };
    const { deps, world } = setUp({
      management: [{ ...machine, spec: { ...machine.spec, ...own } }],
      harvester: [
        ipPool("a", { metadata: mark(HERE) }),
        ipPool("b", {
          range: { rangeStart: "10.50.0.30", rangeEnd: "10.50.0.30" },
          status: { allocated: { "10.50.0.30": holder("gone") } },
        }),
      ],
    });
    await world.settle([poolReclaim], ["demo"]);
    expect(pool(deps, "b")["allocated"]).toEqual({});
  });

  test("is taken back when there are addresses again, and a cluster that never lacked any has no condition", async () => {
    const { deps, world } = setUp({ harvester: [full()] });
    await world.settle([poolReclaim], ["demo"]);
    expect(conditions(deps)).toEqual(["AddressesAvailable=False/AddressesExhausted"]);
    deps.harvesterApi.put(leaky({ range: { rangeStart: "10.50.0.10", rangeEnd: "10.50.0.99" }, status: {} }));
    await world.settle([poolReclaim], ["demo"]);
    expect(conditions(deps)).toEqual(["AddressesAvailable=True/AddressesAvailable"]);
    const fine = setUp({ harvester: [leaky({ status: {} })] });
    await fine.world.settle([poolReclaim], ["demo"]);
    expect(conditions(fine.deps)).toEqual([]);
  });

  test("is told early, at a tenth of the addresses", async () => {
    const ten = { rangeStart: "10.50.0.10", rangeEnd: "10.50.0.19" };
    const allocated = Object.fromEntries(
      Array.from({ length: 9 }, (_, n) => [`10.50.0.1${n}`, `ns/lb-${n}`]),
    );
    const { deps, world } = setUp({ harvester: [leaky({ range: ten, status: { allocated } })] });
    await world.settle([poolReclaim], ["demo"]);
    expect(conditions(deps)).toEqual(["AddressesAvailable=True/AddressesRunningOut"]);
  });
});

describe("the addresses of a pool in use", () => {
  test("are counted once each, without those it never gives out: the gateway's, and what is out of its ranges", () => {
    const allocated = { "10.50.0.1": "x", "10.50.0.3": "y", "10.51.0.1": "z", nonsense: "n" };
    const range = { rangeStart: "10.50.0.1", rangeEnd: "10.50.0.4" };
    const object = ipPool("a", { range, status: { allocated } });
    expect(poolUse(ipPoolView.schema.parse(object))).toEqual({ capacity: 3, used: 1, free: 2 });
  });
});

describe("an address with two holders", () => {
  test.each([
    ["in two pools", { "10.50.0.10": holder("m-0") }, { "10.50.0.10": "other/x" }],
    ["in two spellings", { "fd00::1": holder("m-0"), "fd00:0::1": "other/x" }, {}],
  ])("%s is told", async (_what, one, two) => {
    const { deps, world } = setUp({
      harvester: [
        ipPool("a", { status: { allocated: one }, metadata: mark(HERE) }),
        ipPool("b", { status: { allocated: two }, metadata: mark(HERE) }),
      ],
    });
    deps.management.put(
      harvesterCluster({ spec: { vmNetworkConfig: { ...pools, ipPoolRefs: ["a", "b"] } } }),
    );
    await world.settle([poolReclaim], ["demo"]);
    expect(conditions(deps)).toEqual(["AddressesUnique=False/AddressHeldTwice"]);
    expect(deps.announced[0]?.event.message).toMatch(
      /is held by demo\/m-0\/\S+ in a and by other\/x in [ab];/,
    );
  });
});
