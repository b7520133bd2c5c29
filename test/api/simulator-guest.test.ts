import { expect, test } from "vitest";
import type { KubeObject } from "#platform/kube/resource.ts";
import {
  nodes,
  persistentVolumeClaims,
  secrets,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import {
  addresses,
  cloudInit,
  newVm,
  phase,
  printed,
  simulatedHarvester,
  until,
} from "#test/support/simulated-harvester.ts";

test("a created VM gets its disk, an instance that runs, and the address of its network data", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace } = harvester;
  const name = { namespace, name: "vm-1" };
  await client.create(secrets, cloudInit(namespace, "vm-1", "10.50.0.12"));
  const made = await client.create(virtualMachines, newVm(namespace, "vm-1"));

  const instance = await until(client, virtualMachineInstances, name, (vmi) => addresses(vmi).length > 0);
  expect(instance).toMatchObject({
    metadata: {
      labels: { "harvesterhci.io/vmName": "vm-1" },
      finalizers: ["foregroundDeleteVirtualMachine"],
      ownerReferences: [{ kind: "VirtualMachine", name: "vm-1", uid: made.metadata.uid, controller: true }],
    },
    status: {
      phase: "Running",
      nodeName: expect.stringMatching(/^host-/),
      interfaces: [
        {
          name: "nic-1",
          interfaceName: "eth0",
          infoSource: "domain, guest-agent, multus-status",
          mac: expect.stringMatching(/^02:/),
          ipAddress: "10.50.0.12",
          ipAddresses: ["10.50.0.12", expect.stringMatching(/^fe80::/)],
        },
      ],
    },
  });
  const vm = await until(client, virtualMachines, name, (object) => printed(object) === "Running");
  expect(vm).toMatchObject({
    metadata: {
      finalizers: [
        "wrangler.cattle.io/VMController.CleanupPVCsAndSnapshots",
        "kubevirt.io/virtualMachineControllerFinalize",
      ],
    },
    status: { created: true, ready: true },
  });
  const disk = { namespace, name: "vm-1-disk-0-abc1d" };
  const claim = await until(client, persistentVolumeClaims, disk, (object) => phase(object) === "Bound");
  expect(claim?.metadata).toMatchObject({
    labels: { "capfn.dev/owner-uid": "owner-1" },
    annotations: { note: "kept" },
  });
  expect(harvester.errors).toEqual([]);
});

test("an instance passes through every phase, has MAC addresses before it has IP addresses, and few writes are made", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace } = harvester;
  const ending = new AbortController();
  const states: KubeObject[] = [];
  const watched = (async () => {
    for await (const event of client.watch(virtualMachineInstances, { namespace, signal: ending.signal })) {
      if (event.type === "added" || event.type === "modified") states.push(event.object);
    }
  })().catch(() => undefined);
  await client.create(secrets, cloudInit(namespace, "vm-1", "10.50.0.12"));
  await client.create(virtualMachines, newVm(namespace, "vm-1"));
  await until(
    client,
    virtualMachineInstances,
    { namespace, name: "vm-1" },
    (vmi) => addresses(vmi).length > 0,
  );
  await expect.poll(() => addresses(states.at(-1))).toEqual(["10.50.0.12"]);
  ending.abort();
  await watched;

  expect(states.map(phase)).toEqual(["Pending", "Scheduling", "Scheduled", "Running", "Running"]);
  const first = states[3] as { status?: { interfaces?: object[] } } | undefined;
  expect(first?.status?.interfaces).toEqual([
    { infoSource: "domain, multus-status", name: "nic-1", mac: expect.stringMatching(/^02:/) },
  ]);
});

test("a guest without network data takes an address of the DHCP range and its MAC address from the VM", async () => {
  await using harvester = await simulatedHarvester({
    dhcp: { rangeStart: "10.77.0.10", rangeEnd: "10.77.0.20" },
  });
  const { client, namespace } = harvester;
  const guest = newVm(namespace, "vm-1", { macAddress: "02:00:00:00:00:2a" });
  await client.create(virtualMachines, guest);
  const instance = await until(
    client,
    virtualMachineInstances,
    { namespace, name: "vm-1" },
    (vmi) => addresses(vmi).length > 0,
  );
  expect(addresses(instance)).toEqual(["10.77.0.10"]);
  expect(instance).toMatchObject({ status: { interfaces: [{ mac: "02:00:00:00:00:2a" }] } });
});

test("interfaces of a CNI plugin are reported later and carry no network name", async () => {
  await using harvester = await simulatedHarvester({
    guests: { cniInterfaces: [{ name: "cni0", address: "10.42.0.1" }] },
  });
  const { client, namespace } = harvester;
  await client.create(virtualMachines, newVm(namespace, "vm-1"));
  const instance = await until(
    client,
    virtualMachineInstances,
    { namespace, name: "vm-1" },
    (vmi) => addresses(vmi).length === 2,
  );
  const { interfaces } = (instance as unknown as { status: { interfaces: Record<string, unknown>[] } })
    .status;
  expect(interfaces[1]).toEqual({
    infoSource: "guest-agent",
    interfaceName: "cni0",
    ipAddress: "10.42.0.1",
    ipAddresses: ["10.42.0.1"],
    mac: expect.stringMatching(/^02:/),
  });
});

test("a silent guest agent never reports an address, though the guest runs", async () => {
  await using harvester = await simulatedHarvester({ guests: { silentAgents: { name: /mute/ } } });
  const { client, namespace } = harvester;
  await client.create(virtualMachines, newVm(namespace, "vm-mute"));
  await client.create(virtualMachines, newVm(namespace, "vm-1"));
  await until(
    client,
    virtualMachineInstances,
    { namespace, name: "vm-1" },
    (vmi) => addresses(vmi).length > 0,
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  const mute = await client.get(virtualMachineInstances, { namespace, name: "vm-mute" });
  expect(phase(mute)).toBe("Running");
  expect(addresses(mute)).toEqual([]);
});

test("an address that blinks goes and comes back unchanged", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace, simulator } = harvester;
  const name = { namespace, name: "vm-1" };
  await client.create(secrets, cloudInit(namespace, "vm-1", "10.50.0.12"));
  await client.create(virtualMachines, newVm(namespace, "vm-1"));
  await until(client, virtualMachineInstances, name, (vmi) => addresses(vmi).length > 0);
  await simulator.blinkAddress(name, 100);
  expect(addresses(await client.get(virtualMachineInstances, name))).toEqual([]);
  const back = await until(client, virtualMachineInstances, name, (vmi) => addresses(vmi).length > 0);
  expect(addresses(back)).toEqual(["10.50.0.12"]);
});

test("a VM whose image does not exist yet has no disk and says so, and starts when the image appears", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace, simulator } = harvester;
  const name = { namespace, name: "vm-1" };
  const vm = newVm(namespace, "vm-1", { image: `${namespace}/leap` });
  await client.create(virtualMachines, vm);
  await until(client, virtualMachines, name, (object) => printed(object) === "ErrorPvcNotFound");
  await simulator.addImage({ namespace, name: "leap" });
  await until(client, virtualMachines, name, (object) => printed(object) === "Running");
});

test("a guest that fits on no host waits and starts when a host fits", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace } = harvester;
  const vm = newVm(namespace, "vm-1", { nodeSelector: { [`rack-of-${namespace}`]: "7" } });
  await client.create(virtualMachines, vm);
  const name = { namespace, name: "vm-1" };
  await until(client, virtualMachines, name, (object) => printed(object) === "ErrorUnschedulable");
  await client.mergePatch(
    nodes,
    { name: "host-1" },
    { metadata: { labels: { [`rack-of-${namespace}`]: "7" } } },
  );
  await until(client, virtualMachines, name, (object) => printed(object) === "Running");
  expect(await client.get(virtualMachineInstances, name)).toMatchObject({ status: { nodeName: "host-1" } });
});

test("a simulator goes on where another one stopped", async () => {
  const slow = { ...FAST_TIMES, addressAfterMs: 3_600_000 };
  await using first = await simulatedHarvester({ times: slow });
  const { client, namespace } = first;
  const name = { namespace, name: "vm-1" };
  await client.create(virtualMachines, newVm(namespace, "vm-1"));
  await until(client, virtualMachineInstances, name, (vmi) => phase(vmi) === "Running");
  await first.simulator.stop();
  await using _second = await simulatedHarvester({
    scope: (object) => object.namespace === namespace,
  });
  await until(client, virtualMachineInstances, name, (vmi) => addresses(vmi).length > 0);
});
