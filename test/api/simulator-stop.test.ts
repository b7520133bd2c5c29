import { expect, test } from "vitest";
import {
  nodes,
  persistentVolumeClaims,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import {
  addresses,
  newVm,
  phase,
  printed,
  type SimulatedHarvester,
  simulatedHarvester,
  type VmVariation,
  until,
} from "#test/support/simulated-harvester.ts";

async function runningVm(harvester: SimulatedHarvester, variation: VmVariation = {}) {
  const { client, namespace } = harvester;
  const name = { namespace, name: "vm-1" };
  const vm = await client.create(virtualMachines, newVm(namespace, "vm-1", variation));
  await until(client, virtualMachines, name, (object) => printed(object) === "Running");
  const instance = await until(client, virtualMachineInstances, name, (vmi) => addresses(vmi).length > 0);
  return { name, vm, instance: instance!, disk: { namespace, name: "vm-1-disk-0-abc1d" } };
}

test("a halted VM loses its instance and is Stopped; started again it gets a new instance and keeps its DHCP address", async () => {
  await using harvester = await simulatedHarvester();
  const { client, simulator } = harvester;
  const { name, instance } = await runningVm(harvester);
  await simulator.haltVm(name);
  const stopped = await until(client, virtualMachines, name, (vm) => printed(vm) === "Stopped");
  expect(stopped).toMatchObject({ status: { created: false, ready: false } });
  expect(await client.get(virtualMachineInstances, name)).toBeUndefined();

  await simulator.startVm(name);
  const again = await until(client, virtualMachineInstances, name, (vmi) => addresses(vmi).length > 0);
  expect(again?.metadata.uid).not.toBe(instance.metadata.uid);
  expect(addresses(again)).toEqual(addresses(instance));
  await until(client, virtualMachines, name, (vm) => printed(vm) === "Running");
});

test("a VM created halted gets its disk and no instance", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace } = harvester;
  await client.create(virtualMachines, newVm(namespace, "vm-1", { runStrategy: "Halted" }));
  const disk = { namespace, name: "vm-1-disk-0-abc1d" };
  await until(client, persistentVolumeClaims, disk, (claim) => phase(claim) === "Bound");
  await until(client, virtualMachines, { namespace, name: "vm-1" }, (vm) => printed(vm) === "Stopped");
  expect(await client.get(virtualMachineInstances, { namespace, name: "vm-1" })).toBeUndefined();
});

test("an instance that was deleted is made anew, because the VM wants to run", async () => {
  await using harvester = await simulatedHarvester();
  const { client, simulator } = harvester;
  const { name, instance } = await runningVm(harvester);
  await simulator.restartVm(name);
  await until(
    client,
    virtualMachineInstances,
    name,
    (vmi) => vmi !== undefined && vmi.metadata.uid !== instance.metadata.uid && phase(vmi) === "Running",
  );
});

test("a deleted VM is Terminating while its guest stops, then it and its instance are gone and its disk stays", async () => {
  await using harvester = await simulatedHarvester({ times: { ...FAST_TIMES, stopAfterMs: 400 } });
  const { client } = harvester;
  const { name, vm, disk } = await runningVm(harvester);
  const started = performance.now();
  await client.delete(virtualMachines, name, { uid: vm.metadata.uid });
  await until(client, virtualMachines, name, (object) => printed(object) === "Terminating");
  await until(client, virtualMachineInstances, name, (vmi) => vmi?.metadata.deletionTimestamp !== undefined);
  await until(client, virtualMachines, name, (object) => object === undefined);
  expect(performance.now() - started).toBeGreaterThanOrEqual(400);
  expect(await client.get(virtualMachineInstances, name)).toBeUndefined();
  expect(phase(await client.get(persistentVolumeClaims, disk))).toBe("Bound");
  expect(harvester.errors).toEqual([]);
});

test("a deleted VM takes along the disks that its annotation names", async () => {
  await using harvester = await simulatedHarvester();
  const { client } = harvester;
  const annotations = { "harvesterhci.io/removedPersistentVolumeClaims": "vm-1-disk-0-abc1d" };
  const { name, vm, disk } = await runningVm(harvester, { annotations });
  await client.delete(virtualMachines, name, { uid: vm.metadata.uid });
  await until(client, virtualMachines, name, (object) => object === undefined);
  await until(client, persistentVolumeClaims, disk, (claim) => claim === undefined);
});

test("a disk deleted while its guest runs is gone only after the guest", async () => {
  await using harvester = await simulatedHarvester();
  const { client, simulator } = harvester;
  const { name, disk } = await runningVm(harvester);
  const claim = await client.get(persistentVolumeClaims, disk);
  await client.delete(persistentVolumeClaims, disk, { uid: claim!.metadata.uid });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await client.get(persistentVolumeClaims, disk)).toBeDefined();
  await simulator.destroyVm(name);
  await until(client, persistentVolumeClaims, disk, (object) => object === undefined);
});

test("a VM destroyed by force vanishes at once, and its instance follows", async () => {
  await using harvester = await simulatedHarvester({ times: { ...FAST_TIMES, stopAfterMs: 300 } });
  const { client, simulator } = harvester;
  const { name } = await runningVm(harvester);
  await simulator.destroyVm(name, { force: true });
  expect(await client.get(virtualMachines, name)).toBeUndefined();
  expect(await client.get(virtualMachineInstances, name)).toBeDefined();
  await until(client, virtualMachineInstances, name, (vmi) => vmi === undefined);
});

test("a namesake created right after a forced deletion starts from nothing, with an instance of its own", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace, simulator } = harvester;
  const { name } = await runningVm(harvester);
  await simulator.destroyVm(name, { force: true });
  const namesake = await client.create(virtualMachines, newVm(namespace, "vm-1"));
  await until(
    client,
    virtualMachineInstances,
    name,
    (vmi) => vmi?.metadata.ownerReferences?.[0]?.uid === namesake.metadata.uid && addresses(vmi).length > 0,
  );
});

test("foreign finalizers on a VM stay when the simulator is done with it", async () => {
  await using harvester = await simulatedHarvester();
  const { client } = harvester;
  const { name, vm } = await runningVm(harvester);
  const now = await client.get(virtualMachines, name);
  const finalizers = [...(now?.metadata.finalizers ?? []), "example.com/keep"];
  await client.mergePatch(virtualMachines, name, { metadata: { finalizers } });
  await client.delete(virtualMachines, name, { uid: vm.metadata.uid });
  const kept = await until(
    client,
    virtualMachines,
    name,
    (object) => object?.metadata.finalizers?.length === 1,
  );
  expect(kept?.metadata.finalizers).toEqual(["example.com/keep"]);
  await client.mergePatch(virtualMachines, name, { metadata: { finalizers: null } });
});

test("hosts are Nodes without taints that are ready", async () => {
  await using harvester = await simulatedHarvester();
  const host = await harvester.client.get(nodes, { name: "host-0" });
  expect(host).toMatchObject({ status: { conditions: [{ type: "Ready", status: "True" }] } });
  expect((host as unknown as { spec: object }).spec).toEqual({});
});
