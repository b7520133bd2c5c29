import { describe, expect, test } from "vitest";
import { ipRelease } from "#functions/harvester/ip-release/function.ts";
import { vmDelete } from "#functions/harvester/vm-delete/function.ts";
import {
  harvesterMachines,
  ipPools,
  persistentVolumeClaims,
  secrets,
  virtualMachines,
} from "#platform/kube/resources.ts";
import {
  disk,
  harvesterMachine,
  ipPool,
  ownedLabels,
  secret,
  virtualMachine,
  virtualMachineInstance,
} from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import {
  at,
  finalizer,
  holder,
  kubevirt,
  legacyFinalizer,
  names,
  ours,
  own,
  setUp,
  stopped,
} from "#test/unit/functions/vm-delete/deleted-machine.ts";

describe("deleting a machine", () => {
  test("deletes the VM, then gives the address back, then deletes Secret and disks, then lets the machine go [check 86]", async () => {
    const { deps, world } = setUp({
      harvester: [...ours, ipPool("a", { status: { total: 10, allocated: { "10.50.0.10": holder } } })],
    });
    const functions = [vmDelete, ipRelease];
    expect((await world.settle(functions, ["m-0"])).at(-1)).toMatchObject({
      kind: "waitFor",
      targets: [{ ref: at("m-0") }],
    });
    expect(names(deps)).toEqual(["delete virtualmachines vms/m-0"]);
    expect(deps.harvesterApi.peek(secrets, at("m-0-cloud-init"))).toBeDefined();
    stopped(deps);
    await world.settle(functions, ["m-0"]);
    expect(names(deps)).toEqual([
      "delete virtualmachines vms/m-0",
      "get virtualmachines vms/m-0",
      "mergePatch ippools a",
      "get virtualmachines vms/m-0",
      "deleteCollection secrets vms",
      "deleteCollection persistentvolumeclaims vms",
    ]);
    expect(names(deps, "management").filter((request) => !request.startsWith("get"))).toEqual([
      "mergePatch harvestermachines demo/m-0",
    ]);
    expect(deps.harvesterApi.peek(secrets, at("m-0-cloud-init"))).toBeUndefined();
    expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-0-abc1d"))).toBeUndefined();
    expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-1-abc1e"))).toBeUndefined();
    expect(own(deps)).toBeUndefined();
    expect(deps.counted).toEqual(["caphv_ippool_releases_total", "caphv_machine_delete_total"]);
  });

  test("does nothing while the VM stops", async () => {
    const { deps, world } = setUp();
    await world.run(vmDelete, ["m-0"]);
    expect((await world.evaluate(vmDelete, "m-0")).need).toBe(false);
    deps.harvesterApi.drop(virtualMachines, at("m-0"));
    expect((await world.evaluate(vmDelete, "m-0")).need).toBe(false);
  });

  test("whose VM is gone already still cleans up disks and Secret [check 87]", async () => {
    const { deps, world } = setUp({ harvester: ours.slice(2) });
    expect(await world.run(vmDelete, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-0-abc1d"))).toBeUndefined();
    expect(own(deps)).toBeUndefined();
  });

  test("that never had a VM lets it go", async () => {
    const { deps, world } = setUp({ harvester: [] });
    expect(await world.run(vmDelete, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(own(deps)).toBeUndefined();
  });

  test("deletes the VM that a quorum read still finds though the index has lost sight of it", async () => {
    const { deps, world } = setUp({ harvester: [] });
    const read = deps.harvesterApi.get.bind(deps.harvesterApi);
    deps.harvesterApi.get = (type, name) => {
      deps.harvesterApi.put(virtualMachine("m-0", { metadata: kubevirt }));
      return read(type, name);
    };
    expect(await world.run(vmDelete, ["m-0"])).toMatchObject({
      "m-0": { kind: "waitFor", targets: [{ seen: "absent" }] },
    });
    expect(names(deps)).toEqual(["get virtualmachines vms/m-0", "delete virtualmachines vms/m-0"]);
    expect(own(deps)).toBeDefined();
  });

  test("removes legacy finalizers too, and leaves those of others [check 97]", async () => {
    const { deps, world } = setUp({
      harvester: [],
      metadata: { finalizers: ["example.com/hold", legacyFinalizer, finalizer] },
    });
    await world.run(vmDelete, ["m-0"]);
    expect(own(deps)?.metadata.finalizers).toEqual(["example.com/hold"]);
    expect((await world.evaluate(vmDelete, "m-0")).need).toBe(false);
  });

  test("keeps the finalizer when a disk could not be deleted, and counts the failed attempt", async () => {
    const { deps, world } = setUp({ harvester: ours.slice(2) });
    deps.harvesterApi.failOn({ plural: "persistentvolumeclaims" }, kubeError("forbidden"));
    await expect(world.run(vmDelete, ["m-0"])).rejects.toMatchObject({ reason: "forbidden" });
    expect(own(deps)?.metadata.finalizers).toEqual([finalizer]);
    expect(deps.counted).toEqual(["caphv_machine_delete_errors_total"]);
  });

  test("waits for the address to be given back before it lets the machine go [check 88]", async () => {
    const { world } = setUp({
      harvester: [ipPool("a", { status: { allocated: { "10.50.0.10": holder } } })],
    });
    expect((await world.evaluate(vmDelete, "m-0")).need).toBe(false);
  });

  test("ends in the same place wherever it is interrupted [check 117]", async () => {
    for (let n = 0; n < 12; n += 1) {
      for (const moment of ["before", "after"] as const) {
        const { deps, world } = setUp({
          harvester: [...ours, ipPool("a", { status: { total: 10, allocated: { "10.50.0.10": holder } } })],
        });
        deps.failAt(n, kubeError("timeout"), moment);
        for (let attempt = 0; attempt < 4 && own(deps) !== undefined; attempt += 1) {
          await world.settle([vmDelete, ipRelease], ["m-0"]).catch(() => undefined);
          const vm = deps.harvesterApi.peek(virtualMachines, at("m-0"));
          if (vm?.metadata.deletionTimestamp !== undefined) stopped(deps);
        }
        expect(own(deps), `fault ${moment} request ${n}`).toBeUndefined();
        expect(deps.harvesterApi.peek(secrets, at("m-0-cloud-init"))).toBeUndefined();
        expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-0-abc1d"))).toBeUndefined();
        expect(deps.harvesterApi.peek(ipPools, { name: "a" })).toMatchObject({
          status: { allocated: {}, available: 10 },
        });
      }
    }
  });
});

describe("what is not the machine's", () => {
  test("a VM of the same name is left alone, with its instance; the machine goes [check 84]", async () => {
    const foreign = { labels: { "capfn.dev/owner-uid": "another", "capfn.dev/owner-name": "m-0" } };
    const { deps, world } = setUp({
      harvester: [
        virtualMachine("m-0", { metadata: foreign }),
        virtualMachineInstance("m-0"),
        secret("m-0-cloud-init", foreign.labels),
        disk("m-0-disk-0-abc1d"),
      ],
      metadata: { annotations: {} },
    });
    await world.run(vmDelete, ["m-0"]);
    expect(deps.harvesterApi.peek(virtualMachines, at("m-0"))).toBeDefined();
    expect(deps.harvesterApi.peek(secrets, at("m-0-cloud-init"))).toBeDefined();
    expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-0-abc1d"))).toBeDefined();
    expect(own(deps)).toBeUndefined();
    expect(deps.announced.map(({ event }) => event.reason)).toContain("VMNotOwned");
  });

  test.each([
    ["", {}],
    [", even when it is being deleted itself", { deletionTimestamp: "2026-01-02T00:00:00Z" }],
  ])("a namesake with a new uid is not touched when only the old one was seen%s", async (_even, metadata) => {
    const { deps, world } = setUp();
    const namesake = harvesterMachine("m-0", {
      metadata: { uid: "new", finalizers: [finalizer], ...metadata },
    });
    const read = deps.management.get.bind(deps.management);
    deps.management.get = (type, name) => {
      if (type === harvesterMachines) deps.management.put(namesake);
      return read(type, name);
    };
    expect(await world.run(vmDelete, ["m-0"])).toMatchObject({ "m-0": { kind: "waitFor" } });
    expect(names(deps)).toEqual([]);
    expect(own(deps)?.metadata.finalizers).toEqual([finalizer]);
  });

  test("a VM recreated under the name since it was seen survives: the delete carries the uid", async () => {
    const { deps, world } = setUp();
    deps.harvesterApi.beforeNextWrite(() =>
      deps.harvesterApi.put(virtualMachine("m-0", { metadata: { uid: "another" } })),
    );
    await world.run(vmDelete, ["m-0"]);
    expect(deps.harvesterApi.peek(virtualMachines, at("m-0"))?.metadata.uid).toBe("another");
  });

  test("disks of a machine whose name begins alike are kept [check 99]", async () => {
    const { deps, world } = setUp({
      harvester: [
        disk("m-0-disk-1-disk-0-abc1d", ownedLabels("m-0-disk-1")),
        disk("m-0-disk-0-abc1d", ownedLabels("m-0")),
      ],
    });
    await world.run(vmDelete, ["m-0"]);
    expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-1-disk-0-abc1d"))).toBeDefined();
    expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-0-abc1d"))).toBeUndefined();
  });
});

describe("a machine that the Go provider made", () => {
  const adopted = { annotations: {} };
  const vm = virtualMachine("m-0", { metadata: { uid: "vm-uid", labels: {} } });
  const spec = { providerID: "harvester://vm-uid" };

  test("has its VM, Secret and disks deleted, none of which is labelled [check 105]", async () => {
    const others = ["m-0-disk-1-abc1d", "m-0-disk-0-disk-0-abc1d", "m-0-disk-0-backup", "m-01-disk-0-abc1d"];
    const { deps, world } = setUp({
      harvester: [
        vm,
        secret("m-0-cloud-init"),
        disk("m-0-disk-0-abc1d"),
        ...others.map((name) => disk(name)),
      ],
      metadata: adopted,
      spec,
    });
    await world.settle([vmDelete, ipRelease], ["m-0"]);
    await world.settle([vmDelete, ipRelease], ["m-0"]);
    expect(deps.harvesterApi.peek(virtualMachines, at("m-0"))).toBeUndefined();
    expect(deps.harvesterApi.peek(secrets, at("m-0-cloud-init"))).toBeUndefined();
    expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-0-abc1d"))).toBeUndefined();
    for (const name of others)
      expect(deps.harvesterApi.peek(persistentVolumeClaims, at(name)), name).toBeDefined();
    expect(own(deps)).toBeUndefined();
  });

  test("loses nothing by name once another owner's label is on it [check 84]", async () => {
    const { deps, world } = setUp({
      harvester: [
        secret("m-0-cloud-init", { "capfn.dev/owner-uid": "another" }),
        disk("m-0-disk-0-abc1d", { "capfn.dev/owner-uid": "another" }),
      ],
      metadata: adopted,
      spec,
    });
    await world.run(vmDelete, ["m-0"]);
    expect(deps.harvesterApi.peek(secrets, at("m-0-cloud-init"))).toBeDefined();
    expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-0-abc1d"))).toBeDefined();
  });
});
