import { describe, expect, it } from "vitest";

import { machines } from "#platform/kube/resources.ts";
import { machineObserve as step } from "#functions/harvester/machine-observe/function.ts";
import {
  HARVESTER,
  NAME,
  START,
  World,
  WORKLOAD,
  harvesterMachines,
  node,
  virtualMachineInstances,
  virtualMachines,
  vm,
  vmi,
  provisioned,
  PROVIDER_ID,
} from "#test/unit/functions/machine-observe/world.ts";

function writes(world: World): string[] {
  return world.deps.requests.map(({ plural, subresource }) =>
    subresource === undefined ? plural : subresource,
  );
}

describe("machine-observe while a machine is created", () => {
  it("writes nothing before there is a VM when nothing holds it up", async () => {
    const world = new World();
    expect(world.need(step)).toBe(false);
    world.unlisted.add(HARVESTER);
    expect(world.need(step)).toBe(false);
  });

  it("takes three writes from the VM's appearance to provisioned, however long it boots [check 76] [check 110]", async () => {
    const world = new World();
    world.put(vm());
    expect(await world.settle(step)).toBe(2);
    expect(writes(world)).toEqual(["harvestermachines", "status"]);
    expect(world.own["spec"].providerID).toBe(PROVIDER_ID);
    expect(world.conditions()).toEqual([
      "Paused=False/NotPaused",
      "InfrastructureReady=True/InfrastructureReady",
      "MachineCreated=True/MachineCreated",
      "VMProvisioningReady=False/VMProvisioningInProgress",
      "VMRunning=False/VMNotRunning",
      "Ready=False/NotReady",
    ]);
    expect(world.own["status"].initialization).toBeUndefined();
    for (const phase of ["Pending", "Scheduling", "Scheduled", "Running"]) {
      world.put(vmi([[]], phase));
      expect(await world.after(1_000, step)).toBe(0);
    }
    world.put(vmi([["10.50.0.10"]]));
    expect(await world.settle(step)).toBe(1);
    expect(world.own["status"]).toMatchObject({ ready: true, initialization: { provisioned: true } });
    expect(world.conditions()).toContain("VMProvisioningReady=True/VMProvisioningReady");
    expect(world.conditions()).toContain("VMRunning=True/VMRunning");
    expect(world.conditions()).toContain("Ready=True/Ready");
  });

  it("sets the providerID to the uid of the VM, and before it says that the VM was created [check 74]", async () => {
    const world = await provisioned(step);
    expect(world.deps.requests[0]?.body).toMatchObject({ spec: { providerID: PROVIDER_ID } });
    const created = world.condition("MachineCreated");
    expect(created?.["observedGeneration"]).toBe(1);
  });

  it("takes over the providerID the machine's Node already carries [check 74]", async () => {
    const world = new World();
    world.put(vm());
    world.put(node(NAME, { spec: { providerID: "other://7" } }));
    await world.settle(step);
    expect(world.own["spec"].providerID).toBe("other://7");
    expect(world.need(step)).toBe(false);
  });

  it("does not wait for a workload cluster that cannot be reached [check 79]", async () => {
    const world = new World();
    world.unlisted.add(WORKLOAD);
    world.put(vm());
    world.put(vmi([["10.50.0.10"]]));
    await world.settle(step);
    expect(world.own["spec"].providerID).toBe(PROVIDER_ID);
    expect(world.own["status"].ready).toBe(true);
  });

  it("is not provisioned before it has an address, and tells so after three minutes, once [check 76]", async () => {
    const world = new World();
    world.put(vm());
    world.put(vmi([[]]));
    await world.settle(step);
    expect(world.own["status"].ready).toBeUndefined();
    const due = new Date(START.getTime() + 180_000);
    expect(world.need(step)).toEqual(due);
    expect(await world.run(step)).toMatchObject({
      kind: "requeueAfter",
      afterMs: due.getTime() - world.now.getTime(),
    });
    expect(await world.after(120_000, step)).toBe(1);
    expect(world.condition("VMProvisioningReady")?.["message"]).toContain("guest agent");
    expect(await world.after(3_600_000, step)).toBe(0);
    expect(world.need(step)).toBe(false);
  });

  it("tells why a VM cannot be started when that lasts, and does not flap with it", async () => {
    const world = new World();
    world.now = START;
    world.put(vm());
    await world.settle(step);
    const status = (printableStatus: string) =>
      world.edit(virtualMachines, (object) => (object["status"] = { printableStatus }));
    status("ErrorUnschedulable");
    expect(await world.settle(step)).toBe(0);
    expect(await world.after(60_000, step)).toBe(1);
    expect(world.condition("VMProvisioningReady")?.["message"]).toContain("ErrorUnschedulable");
    for (const next of ["Starting", "ErrorUnschedulable", "Provisioning", "ErrorUnschedulable"]) {
      status(next);
      expect(await world.after(1_000, step)).toBe(0);
    }
  });

  it("announces each transition once [check 112]", async () => {
    const world = await provisioned(step);
    await world.settle(step);
    expect(world.deps.announced.map(({ event }) => [event.type, event.reason, event.message])).toEqual([
      ["Normal", "MachineProvisioned", "provisioned with 10.50.0.10"],
    ]);
  });

  it("publishes the failure domain the machine was given; the owner Machine's wins [check 80] [check 81]", async () => {
    const world = new World();
    world.edit(harvesterMachines, (own) => (own["spec"].failureDomain = "zone-b"));
    world.edit(machines, (object) => (object["spec"].failureDomain = "zone-a"));
    world.put(vm());
    await world.settle(step);
    expect(world.own["status"].failureDomain).toBe("zone-a");
  });

  it("throws a conflict through, so that the next look decides anew", async () => {
    const world = new World();
    world.put(vm());
    world.deps.management.beforeNextWrite(() =>
      world.edit(harvesterMachines, (own) => (own["spec"].cpu = 4)),
    );
    await expect(world.run(step)).rejects.toMatchObject({ reason: "conflict" });
    expect(world.own["spec"].providerID).toBeUndefined();
    await world.settle(step);
    expect(world.own["spec"]).toMatchObject({ cpu: 4, providerID: PROVIDER_ID });
  });

  it("writes no more than what differs, and keeps conditions of others", async () => {
    const world = new World();
    const foreign = {
      type: "Mine",
      status: "True",
      reason: "X",
      message: "",
      lastTransitionTime: "2020-01-01T00:00:00Z",
    };
    world.edit(harvesterMachines, (own) => (own["status"] = { conditions: [foreign] }));
    world.put(vm());
    world.put(vmi([["10.50.0.10"]]));
    await world.settle(step);
    expect(world.own["status"].conditions[0]).toEqual(foreign);
    world.put({ ...vm(), spec: { runStrategy: "Halted" } });
    world.drop(virtualMachineInstances);
    await world.settle(step);
    const last = world.deps.requests.at(-1)?.body as { status: object };
    expect(Object.keys(last.status)).toEqual(["ready", "conditions"]);
  });
});
