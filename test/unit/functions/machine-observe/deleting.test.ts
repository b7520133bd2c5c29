import { describe, expect, it } from "vitest";

import { clusters, harvesterClusters } from "#platform/kube/resources.ts";
import { machineObserve as step } from "#functions/harvester/machine-observe/function.ts";
import {
  HOLDER,
  type World,
  harvesterMachines,
  pool,
  virtualMachineInstances,
  virtualMachines,
  provisioned,
} from "#test/unit/functions/machine-observe/world.ts";

describe("machine-observe while a machine is deleted", () => {
  async function deleting(): Promise<World> {
    const world = await provisioned(step);
    world.edit(harvesterMachines, (own) => (own["metadata"].deletionTimestamp = world.now.toISOString()));
    return world;
  }

  it("writes nothing when the deletion ends within five seconds", async () => {
    const world = await deleting();
    expect(world.need(step)).toEqual(new Date(world.now.getTime() + 5_000));
    world.edit(virtualMachineInstances, (object) => (object["status"].phase = "Succeeded"));
    expect(await world.after(4_000, step)).toBe(0);
    world.drop(virtualMachines);
    world.drop(virtualMachineInstances);
    expect(world.need(step)).toBe(false);
  });

  it("writes once in a normal deletion, also with an address to give back", async () => {
    const world = await deleting();
    world.edit(
      harvesterClusters,
      (object) =>
        (object["spec"].vmNetworkConfig = { ipPoolRef: "p", gateway: "10.50.0.1", subnetMask: "24" }),
      "demo",
    );
    world.put(pool("p", { "10.50.0.10": HOLDER }));
    expect(await world.after(5_000, step)).toBe(1);
    expect(world.conditions()).toContain("Deleting=True/WaitingForVMDeletion");
    expect(world.conditions()).toContain("Ready=False/Deleting");
    expect(await world.after(40_000, step)).toBe(0);
    world.drop(virtualMachines);
    world.drop(virtualMachineInstances);
    expect(await world.after(100, step)).toBe(0);
    expect(await world.after(600_000, step)).toBe(1);
    expect(world.conditions()).toContain("Deleting=True/WaitingForIPRelease");
  });

  it.each([
    ["Paused", (world: World) => world.edit(clusters, (object) => (object["spec"].paused = true), "demo")],
    [
      "MovedAway",
      (world: World) =>
        world.edit(
          harvesterMachines,
          (own) => (own["metadata"].annotations["clusterctl.cluster.x-k8s.io/delete-for-move"] = ""),
        ),
    ],
    ["ClusterMissing", (world: World) => world.drop(clusters, "demo")],
    [
      "HarvesterUnreachable",
      (world: World) => void (world.connection = { state: "failed", message: "refused" }),
    ],
  ])("tells that it is held up: %s", async (reason, act) => {
    const world = await deleting();
    act(world);
    expect(await world.settle(step)).toBe(0);
    expect(await world.after(5_000, step)).toBe(1);
    expect(world.conditions()).toContain(`Deleting=True/${reason}`);
    expect(await world.after(60_000, step)).toBe(0);
  });

  it("writes nothing once the machine is not held by us any more", async () => {
    const world = await deleting();
    world.edit(harvesterMachines, (own) => (own["metadata"].finalizers = ["other/finalizer"]));
    expect(await world.after(10_000, step)).toBe(0);
  });
});
