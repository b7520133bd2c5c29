import { describe, expect, it } from "vitest";

import { harvesterClusters } from "#platform/kube/resources.ts";
import { machineObserve as step } from "#functions/harvester/machine-observe/function.ts";
import { HARVESTER, HOLDER, NAME, World, pool, vm, vmi } from "#test/unit/functions/machine-observe/world.ts";

describe("machine-observe of a machine with static addresses", () => {
  function pooled(...names: string[]): World {
    const world = new World();
    world.edit(
      harvesterClusters,
      (object) =>
        (object["spec"].vmNetworkConfig = {
          ipPoolRefs: names,
          gateway: "10.50.0.1",
          subnetMask: "255.255.255.0",
        }),
      "demo",
    );
    return world;
  }

  it("shows the allocation as the pool has it, together with the VM [check 67] [check 71]", async () => {
    const world = pooled("pool-a");
    world.put(pool("pool-a", { "10.50.0.11": HOLDER }));
    expect(world.need(step)).toBe(false);
    world.put(vm());
    expect(await world.settle(step)).toBe(2);
    expect(world.own["status"]).toMatchObject({
      allocatedIPAddress: "10.50.0.11",
      allocatedPoolRef: "pool-a",
    });
    expect(world.conditions()).toContain("VMIPAllocated=True/VMIPAllocated");
  });

  it("uses the static address as soon as the VM runs, without a guest agent [check 75]", async () => {
    const world = pooled("pool-a");
    world.put(pool("pool-a", { "10.50.0.11": HOLDER }));
    world.put(vm());
    world.put(vmi([[]], "Scheduling"));
    await world.settle(step);
    expect(world.own["status"].ready).toBeUndefined();
    world.put(vmi([[]]));
    expect(await world.settle(step)).toBe(1);
    expect(world.own["status"]).toMatchObject({
      ready: true,
      initialization: { provisioned: true },
      addresses: [
        { type: "Hostname", address: NAME },
        { type: "InternalIP", address: "10.50.0.11" },
        { type: "ExternalIP", address: "10.50.0.11" },
      ],
    });
  });

  it("tells that its pool gives its address to another holder, and takes it back when that is over", async () => {
    const world = pooled("pool-a");
    world.put(pool("pool-a", { "10.50.0.11": HOLDER }));
    world.put(vm());
    world.put(vmi([[]]));
    await world.settle(step);
    world.put(pool("pool-a", {}));
    expect(await world.settle(step)).toBe(0);
    world.put(pool("pool-a", { "10.50.0.11": "other/machine" }));
    expect(await world.settle(step)).toBe(1);
    expect(world.condition("VMIPAllocated")).toMatchObject({
      status: "False",
      reason: "VMIPHeldByAnother",
      message:
        "IPPool pool-a gives 10.50.0.11, the machine's address, to other/machine; replace one of the two",
    });
    expect(world.own["status"]).toMatchObject({ ready: true, allocatedIPAddress: "10.50.0.11" });
    world.put(pool("pool-a", {}));
    expect(await world.settle(step)).toBe(1);
    expect(world.condition("VMIPAllocated")).toMatchObject({ status: "True", reason: "VMIPAllocated" });
  });

  it("tells that every pool is exhausted, and takes it back with the VM [check 69]", async () => {
    const world = pooled("pool-a", "pool-b");
    const full = { "10.50.0.10": "x", "10.50.0.11": "y" };
    world.put(pool("pool-a", full));
    world.put(pool("pool-b", full));
    expect(await world.settle(step)).toBe(1);
    expect(world.condition("VMIPAllocated")).toMatchObject({ status: "False", reason: "VMIPPoolExhausted" });
    expect(world.condition("Ready")?.["message"]).toContain("pool-a is exhausted");
    world.put(pool("pool-b", { "10.50.0.10": "x" }));
    expect(await world.settle(step)).toBe(0);
    world.put(pool("pool-b", { "10.50.0.10": "x", "10.50.0.11": HOLDER }));
    world.put(vm());
    await world.settle(step);
    expect(world.condition("VMIPAllocated")).toMatchObject({ status: "True", reason: "VMIPAllocated" });
  });

  it("tells that a pool does not exist, and says nothing before the pools were listed", async () => {
    const world = pooled("missing");
    world.unlisted.add(HARVESTER);
    expect(world.need(step)).toBe(false);
    world.unlisted.clear();
    await world.settle(step);
    expect(world.condition("VMIPAllocated")).toMatchObject({
      status: "False",
      reason: "VMIPAllocationFailed",
    });
    expect(world.condition("VMIPAllocated")?.["message"]).toContain("missing does not exist");
  });

  it("looks at the pools only while it has no address", () => {
    const world = pooled("pool-a");
    world.put(pool("pool-a", {}));
    const named = () =>
      world.evaluate(step).edges.filter((edge) => edge.kind === "object" && edge.ref.name === "pool-a");
    expect(named()).toHaveLength(1);
    world.put(pool("pool-a", { "10.50.0.11": HOLDER }));
    expect(named()).toEqual([]);
  });
});
