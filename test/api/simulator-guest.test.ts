import { expect, test } from "vitest";
import {
  persistentVolumeClaims,
  secrets,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { cloudInit, newVm, simulatedHarvester, until } from "#test/support/simulated-harvester.ts";

const phase = (object: unknown): string | undefined =>
  (object as { status?: { phase?: string } } | undefined)?.status?.phase;
const printed = (object: unknown): string | undefined =>
  (object as { status?: { printableStatus?: string } } | undefined)?.status?.printableStatus;
const addresses = (object: unknown): string[] =>
  ((object as { status?: { interfaces?: { ipAddress?: string }[] } } | undefined)?.status?.interfaces ?? []).flatMap(
    ({ ipAddress }) => ipAddress ?? [],
  );

test("a created VM gets its disk, an instance that runs, and the address of its network data", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace } = harvester;
  const name = { namespace, name: "vm-1" };
  await client.create(secrets, cloudInit(namespace, "vm-1", "10.50.0.12"));
  const made = await client.create(virtualMachines, newVm(namespace, "vm-1"));

  const instance = await until(client, virtualMachineInstances, name, (vmi) => addresses(vmi).includes("10.50.0.12"));
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
          ipAddresses: ["10.50.0.12", expect.stringMatching(/^fe80::/)],
        },
      ],
    },
  });
  const vm = await until(client, virtualMachines, name, (vm) => printed(vm) === "Running");
  expect(vm).toMatchObject({
    metadata: {
      finalizers: [
        "wrangler.cattle.io/VMController.CleanupPVCsAndSnapshots",
        "kubevirt.io/virtualMachineControllerFinalize",
      ],
    },
    status: { created: true, ready: true },
  });
  const claim = await until(
    client,
    persistentVolumeClaims,
    { namespace, name: "vm-1-disk-0-abc1d" },
    (claim) => phase(claim) === "Bound",
  );
  expect(claim?.metadata).toMatchObject({
    labels: { "capfn.dev/owner-uid": "owner-1" },
    annotations: { note: "kept" },
  });
  expect(harvester.errors).toEqual([]);
});
