import { describe, expect, it } from "vitest";

import { clusters, keyPairs, machines, secrets, virtualMachineImages } from "#platform/kube/resources.ts";
import { machineObserve as step } from "#functions/harvester/machine-observe/function.ts";
import {
  HARVESTER,
  NAME,
  START,
  World,
  bootstrapSecret,
  image,
  keyPair,
  harvesterMachines,
  vm,
  provisioned,
  PROVIDER_ID,
} from "#test/unit/functions/machine-observe/world.ts";

describe("machine-observe before a machine can be created", () => {
  it("tells what it waits for, in the order of the gates, two seconds after creation [check 51]", async () => {
    const world = new World();
    world.now = START;
    world.edit(machines, (object) => (object["spec"].bootstrap = {}));
    world.edit(clusters, (object) => (object["status"] = {}), "demo");
    expect(world.need(step)).toEqual(new Date(START.getTime() + 2_000));
    expect(await world.after(1_999, step)).toBe(0);
    expect(await world.after(1, step)).toBe(1);
    expect(world.conditions()).toEqual([
      "Paused=False/NotPaused",
      "InfrastructureReady=False/WaitingForClusterInfrastructure",
      "Ready=False/NotReady",
    ]);
    world.edit(
      clusters,
      (object) => (object["status"] = { initialization: { infrastructureProvisioned: true } }),
      "demo",
    );
    expect(await world.settle(step)).toBe(1);
    expect(world.conditions()).toContain("InfrastructureReady=False/WaitingForBootstrapData");
    const since = world.condition("InfrastructureReady")?.["lastTransitionTime"];
    expect(since).toBe("2026-01-01T00:00:02Z");
    world.edit(machines, (object) => (object["spec"].bootstrap = { dataSecretName: NAME }));
    expect(await world.settle(step)).toBe(0);
  });

  it("asks to be called again when it is called before its time", async () => {
    const world = new World();
    world.now = new Date(START.getTime() + 1_500);
    world.edit(clusters, (object) => (object["status"] = {}), "demo");
    expect(await world.run(step)).toMatchObject({ kind: "requeueAfter", afterMs: 500 });
    expect(world.deps.requests).toEqual([]);
  });

  it("tells that it is paused at once, and nothing else [check 49]", async () => {
    const world = new World();
    world.put(vm());
    world.edit(clusters, (object) => (object["spec"].paused = true), "demo");
    expect(await world.settle(step)).toBe(1);
    expect(world.conditions()).toEqual(["Paused=True/Paused"]);
    expect(world.own["spec"].providerID).toBeUndefined();
    world.edit(clusters, (object) => (object["spec"].paused = false), "demo");
    await world.settle(step);
    expect(world.conditions()).toContain("Paused=False/NotPaused");
    expect(world.own["spec"].providerID).toBe(PROVIDER_ID);
  });

  it("writes nothing on a machine managed by another system", async () => {
    const world = new World();
    world.edit(
      harvesterMachines,
      (own) => (own["metadata"].annotations["cluster.x-k8s.io/managed-by"] = "x"),
    );
    world.put(vm());
    expect(world.need(step)).toBe(false);
  });

  it("tells of a bootstrap data Secret that is named but not there, when that lasts, and takes it back with the VM [check 58]", async () => {
    const world = new World();
    world.now = START;
    world.drop(secrets);
    expect(world.need(step)).toEqual(new Date(START.getTime() + 2_000));
    expect(await world.after(2_000, step)).toBe(1);
    expect(world.conditions()).toEqual([
      "Paused=False/NotPaused",
      "InfrastructureReady=True/InfrastructureReady",
      "VMProvisioningReady=False/VMProvisioningFailed",
      "Ready=False/NotReady",
    ]);
    expect(world.condition("VMProvisioningReady")?.["message"]).toBe(
      `the bootstrap data Secret demo/${NAME} does not exist; its bootstrap provider must write it`,
    );
    expect(world.need(step)).toBe(false);
    world.put(bootstrapSecret());
    expect(world.need(step)).toBe(false);
    world.put(vm());
    await world.settle(step);
    expect(world.conditions()).toContain("VMProvisioningReady=False/VMProvisioningInProgress");
  });

  it("says nothing of a bootstrap data Secret once there is a VM", async () => {
    const world = await provisioned(step);
    world.drop(secrets);
    expect(world.need(step)).toBe(false);
  });

  it("tells that Harvester cannot be reached, as unknown", async () => {
    const world = new World();
    world.unlisted.add(HARVESTER);
    world.connection = { state: "failed", reason: "Unauthorized", message: "the credentials are refused" };
    expect(await world.settle(step)).toBe(1);
    expect(world.condition("InfrastructureReady")).toMatchObject({
      status: "Unknown",
      reason: "HarvesterUnreachable",
      message: "the credentials are refused",
    });
    expect(world.condition("Ready")?.["message"]).toBe("the credentials are refused");
  });

  it("names the image and the key pair Harvester does not have [check 58]", async () => {
    const world = new World();
    world.drop(virtualMachineImages, "image-1", "default");
    world.drop(keyPairs, "key", "default");
    expect(await world.settle(step)).toBe(1);
    expect(world.condition("VMProvisioningReady")).toMatchObject({
      status: "False",
      reason: "VMProvisioningFailed",
    });
    expect(world.condition("VMProvisioningReady")?.["message"]).toMatch(/default\/leap.*default\/key/);
    world.put(image());
    expect(await world.settle(step)).toBe(1);
    expect(world.condition("VMProvisioningReady")?.["message"]).not.toContain("leap");
    world.put(keyPair());
    expect(world.need(step)).toBe(false);
    world.put(vm());
    await world.settle(step);
    expect(world.condition("VMProvisioningReady")?.["reason"]).toBe("VMProvisioningInProgress");
  });

  it("comes to rest when a missing key pair and a lost connection come together", async () => {
    const world = new World();
    world.drop(keyPairs, "key", "default");
    world.connection = { state: "failed", message: "refused" };
    expect(await world.settle(step)).toBe(1);
    expect(world.conditions()).toContain("InfrastructureReady=Unknown/HarvesterUnreachable");
    expect(world.conditions()).toContain("VMProvisioningReady=False/VMProvisioningFailed");
    expect(world.need(step)).toBe(false);
  });

  it("misses nothing of a VM that cannot be made because another owner's has its name [check 84]", () => {
    const world = new World();
    world.drop(keyPairs, "key", "default");
    world.put(vm({}, "somebody-else"));
    expect(world.need(step)).toBe(false);
  });

  it("leaves what the creating step says of its failure alone [check 58]", async () => {
    const world = new World();
    const failure = {
      type: "VMProvisioningReady",
      status: "False",
      reason: "VMProvisioningFailed",
      message: "VirtualMachineImage default/leap does not exist",
      lastTransitionTime: START.toISOString(),
    };
    world.edit(harvesterMachines, (own) => (own["status"] = { conditions: [failure] }));
    await world.settle(step);
    expect(world.condition("VMProvisioningReady")).toEqual(failure);
    expect(world.condition("InfrastructureReady")?.["status"]).toBe("True");
    expect(world.condition("Ready")?.["message"]).toBe(failure.message);
  });

  it("answers a forced look with its token, whatever the phase", async () => {
    const world = new World();
    for (const token of ["a", "b"]) {
      world.edit(harvesterMachines, (own) => (own["metadata"].annotations["capfn.dev/look-at"] = token));
      expect(await world.settle(step)).toBe(1);
      expect(world.condition("LookedAt")).toMatchObject({ status: "True", message: token });
    }
    const before = await provisioned(step);
    before.edit(harvesterMachines, (own) => (own["metadata"].annotations["capfn.dev/look-at"] = "c"));
    expect(await before.settle(step)).toBe(1);
  });
});
