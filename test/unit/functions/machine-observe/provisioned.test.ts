import { describe, expect, it } from "vitest";

import { harvesterClusters } from "#platform/kube/resources.ts";
import { machineObserve as step } from "#functions/harvester/machine-observe/function.ts";
import {
  HARVESTER,
  START,
  World,
  harvesterMachines,
  virtualMachineInstances,
  virtualMachines,
  vm,
  vmi,
  provisioned,
  PROVIDER_ID,
} from "#test/unit/functions/machine-observe/world.ts";

describe("machine-observe of a machine that was provisioned", () => {
  it("has told once how long the machine took from its creation to its first address [check 110]", async () => {
    const world = await provisioned(step);
    expect(world.deps.measured).toHaveLength(1);
    world.put({ ...vm(), spec: { runStrategy: "Halted" } });
    world.drop(virtualMachineInstances);
    await world.settle(step);
    world.put(vm());
    world.put(vmi([["10.50.0.10"]]));
    await world.settle(step);
    expect(world.deps.measured).toHaveLength(1);
  });

  it("says not ready while the VM is halted, and ready again once it runs; provisioned stays [check 82]", async () => {
    const world = await provisioned(step);
    world.put({ ...vm(), spec: { runStrategy: "Halted" } });
    expect(await world.settle(step)).toBe(0);
    world.edit(
      virtualMachineInstances,
      (object) => (object["metadata"].deletionTimestamp = START.toISOString()),
    );
    expect(await world.settle(step)).toBe(1);
    world.drop(virtualMachineInstances);
    expect(await world.settle(step)).toBe(0);
    expect(world.own["status"]).toMatchObject({ ready: false, initialization: { provisioned: true } });
    expect(world.condition("VMRunning")).toMatchObject({ status: "False", message: "the VM is halted" });
    expect(world.own["status"].addresses).not.toEqual([]);
    world.put(vm());
    world.put(vmi([["10.50.0.10"]]));
    expect(await world.settle(step)).toBe(1);
    expect(world.own["status"].ready).toBe(true);
    expect(world.deps.announced.map(({ event }) => event.reason).slice(1)).toEqual([
      "VMStopped",
      "VMStarted",
    ]);
  });

  it("reports a VM that was deleted as not found, once, and as found when it is back [check 83]", async () => {
    const world = await provisioned(step);
    world.drop(virtualMachines);
    world.drop(virtualMachineInstances);
    expect(await world.settle(step)).toBe(1);
    expect(world.own["status"]).toMatchObject({ ready: false, initialization: { provisioned: true } });
    expect(world.conditions()).toContain("MachineCreated=False/MachineNotFound");
    expect(world.conditions()).toContain("Ready=False/NotReady");
    expect(world.deps.announced.at(-1)?.event.reason).toBe("VMStopped");
    expect(world.deps.announced.map(({ event }) => event.reason)).toContain("VMLost");
    expect(world.need(step)).toBe(false);
    world.put(vm());
    world.put(vmi([["10.50.0.10"]]));
    await world.settle(step);
    expect(world.own["status"].ready).toBe(true);
  });

  it("takes a VM of the same name that is not its own for none [check 84]", async () => {
    const world = new World();
    world.put(vm({}, "somebody-else"));
    world.put(vmi([["10.50.0.10"]]));
    expect(world.need(step)).toBe(false);
    const owner = await provisioned(step);
    owner.put({
      ...vm({}, "somebody-else"),
      metadata: { ...vm({}, "somebody-else")["metadata"], uid: "other" },
    });
    await owner.settle(step);
    expect(owner.conditions()).toContain("MachineCreated=False/MachineNotFound");
  });

  it("never takes a Harvester that is not listed, or lost its cluster object, for a lost VM", async () => {
    const world = await provisioned(step);
    world.unlisted.add(HARVESTER);
    world.connection = { state: "failed", message: "refused" };
    expect(world.need(step)).toBe(false);
    world.unlisted.clear();
    world.deps.management.drop(harvesterClusters, { namespace: "demo", name: "demo" });
    expect(world.need(step)).toBe(false);
  });

  it("finds the VM of a machine restored with its providerID, and is ready in one write [check 85]", async () => {
    const world = new World();
    world.edit(harvesterMachines, (own) => {
      own["metadata"].annotations = {};
      own["metadata"].uid = "new-uid";
      own["spec"].providerID = PROVIDER_ID;
    });
    world.put(vm({}, "old-uid"));
    world.edit(virtualMachines, (object) => (object["metadata"].labels = {}));
    world.put(vmi([["10.50.0.10"]]));
    expect(await world.settle(step)).toBe(1);
    expect(world.own["status"]).toMatchObject({ ready: true, initialization: { provisioned: true } });
  });

  it("heals a machine that was left ready but not provisioned", async () => {
    const world = await provisioned(step);
    world.edit(harvesterMachines, (own) => (own["status"].initialization = { provisioned: false }));
    expect(await world.settle(step)).toBe(1);
    expect(world.own["status"].initialization.provisioned).toBe(true);
  });

  it("repairs a status that somebody put back", async () => {
    const world = new World();
    world.put(vm());
    world.put(vmi([["10.50.0.10"]]));
    const inputs: unknown[] = [world.evaluate(step).inputs];
    await world.settle(step);
    world.edit(harvesterMachines, (own) => {
      delete own["status"];
      delete own["spec"].providerID;
    });
    expect(world.need(step)).toBe(true);
    expect(world.evaluate(step).inputs).not.toEqual(inputs[0]);
  });
});
