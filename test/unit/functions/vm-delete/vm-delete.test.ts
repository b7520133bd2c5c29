import { describe, expect, test } from "vitest";
import { ipRelease } from "#functions/harvester/ip-release/function.ts";
import { vmDelete } from "#functions/harvester/vm-delete/function.ts";
import {
  harvesterMachines,
  ipPools,
  persistentVolumeClaims,
  secrets,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import {
  cluster,
  deleting,
  disk,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  machine,
  ownedLabels,
  secret,
  virtualMachine,
  virtualMachineInstance,
} from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld, type StepWorldOptions } from "#test/support/step-world.ts";

const finalizer = "harvestermachine.infrastructure.cluster.x-k8s.io/finalizer";
const legacyFinalizer = "harvestermachine.infrastructure.cluster.x-k8s.io";
const kubevirt = { finalizers: ["kubevirt.io/virtualMachineControllerFinalize"], labels: ownedLabels("m-0") };
const holder = "demo/m-0/uid-HarvesterMachine-m-0";
const at = (name: string) => ({ namespace: "vms", name });

const ours = [
  virtualMachine("m-0", { metadata: kubevirt }),
  virtualMachineInstance("m-0"),
  secret("m-0-cloud-init", ownedLabels("m-0")),
  disk("m-0-disk-0-abc1d", ownedLabels("m-0")),
  disk("m-0-disk-1-abc1e", ownedLabels("m-0")),
];

interface Setup {
  readonly harvester?: readonly object[];
  readonly metadata?: Record<string, unknown>;
  readonly spec?: Record<string, unknown>;
  readonly management?: readonly object[];
  readonly options?: StepWorldOptions;
}

function setUp({ harvester = ours, metadata = {}, spec = {}, management, options }: Setup = {}) {
  const deps = fakeDeps({
    management: [
      ...(management ?? [cluster(), harvesterCluster(), machine("m-0")]),
      harvesterMachine("m-0", { metadata: deleting("m-0", metadata), spec }),
    ],
    harvester,
    ...(options?.down !== undefined && { harvesterError: kubeError("unavailable") }),
  });
  return { deps, world: stepWorld(deps, "demo", options) };
}

/** KubeVirt has stopped the VM: its instance and then the VM itself are gone. */
function stopped(deps: FakeDeps): void {
  deps.harvesterApi.drop(virtualMachineInstances, at("m-0"));
  deps.harvesterApi.drop(virtualMachines, at("m-0"));
}

const own = (deps: FakeDeps) => deps.management.peek(harvesterMachines, { namespace: "demo", name: "m-0" });
const names = (deps: FakeDeps, api: "harvester" | "management" = "harvester") =>
  deps
    .summary()
    .filter((request) => request.startsWith(api))
    .map((request) => request.slice(api.length + 1));

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

describe("nothing outside is destroyed", () => {
  const move = { "clusterctl.cluster.x-k8s.io/delete-for-move": "" };
  test.each<[string, Setup]>([
    [
      "when clusterctl moves the machine away, though its other annotations are gone",
      { metadata: { annotations: move } },
    ],
    [
      "when the machine is paused [check 49]",
      { metadata: { annotations: { "cluster.x-k8s.io/paused": "" } } },
    ],
    ["when another system manages it", { metadata: { annotations: { "cluster.x-k8s.io/managed-by": "x" } } }],
    [
      "when the Cluster is paused [check 49]",
      { management: [cluster({ spec: { paused: true } }), harvesterCluster(), machine("m-0")] },
    ],
    [
      "when the Cluster moves away",
      { management: [cluster({ metadata: { annotations: move } }), harvesterCluster(), machine("m-0")] },
    ],
    ["when the Cluster does not exist", { management: [harvesterCluster(), machine("m-0")] }],
    ["when the HarvesterCluster does not exist", { management: [cluster(), machine("m-0")] }],
  ])("%s; it costs no request, and the wait says why", async (_when, setup) => {
    const { deps, world } = setUp(setup);
    const { "m-0": outcome } = await world.run(vmDelete, ["m-0"]);
    expect(outcome).toMatchObject({
      kind: "waitFor",
      reason: expect.stringMatching(/^(MovedAway|Paused|ExternallyManaged|\w+Missing): /) as string,
    });
    expect(deps.requests).toEqual([]);
    expect((await world.evaluate(ipRelease, "m-0")).need).toBe(false);
  });

  test.each<[string, (deps: FakeDeps) => void]>([
    [
      "moves away",
      (deps) =>
        deps.management.put(harvesterMachine("m-0", { metadata: deleting("m-0", { annotations: move }) })),
    ],
    ["was paused", (deps) => deps.management.put(cluster({ spec: { paused: true } }))],
    [
      "has lost its Cluster",
      (deps) =>
        deps.management.drop(
          {
            ...harvesterMachines,
            group: "cluster.x-k8s.io",
            version: "v1beta2",
            kind: "Cluster",
            plural: "clusters",
          },
          { namespace: "demo", name: "demo" },
        ),
    ],
  ])("when only the quorum read tells that the machine %s", async (_what, change) => {
    const { deps, world } = setUp();
    const read = deps.management.get.bind(deps.management);
    deps.management.get = (type, name) => {
      change(deps);
      return read(type, name);
    };
    expect(await world.run(vmDelete, ["m-0"])).toMatchObject({ "m-0": { kind: "waitFor" } });
    expect(names(deps)).toEqual([]);
    expect(own(deps)).toBeDefined();
  });

  test("while Harvester cannot be seen: unknown is not absent [check 92] [check 93]", async () => {
    const { world } = setUp({ harvester: [], options: { down: ["harvester"] } });
    expect(await world.evaluate(vmDelete, "m-0")).toMatchObject({ need: false, blockedOn: [] });
  });
});

describe("giving up what is on Harvester", () => {
  const abandoned = (reason: string) => ({
    annotations: { "capfn.dev/identity": "uid-HarvesterMachine-m-0", "capfn.dev/abandon-external": reason },
  });

  test("lets the machine go without a request to Harvester, and a Warning names what may be left [check 92] [check 93]", async () => {
    const { deps, world } = setUp({
      metadata: abandoned("rack 3 burnt down"),
      options: { down: ["harvester"] },
    });
    expect((await world.evaluate(vmDelete, "m-0")).need).toBe(true);
    expect(await world.run(vmDelete, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(own(deps)).toBeUndefined();
    expect(names(deps)).toEqual([]);
    expect(deps.announced).toMatchObject([
      {
        event: {
          type: "Warning",
          reason: "ExternalObjectsAbandoned",
          message:
            "given up without a look at Harvester (rack 3 burnt down); may be left there: VM m-0, its disks m-0-disk-* and Secret m-0-cloud-init in namespace vms",
        },
      },
    ]);
  });

  test("works without Cluster and HarvesterCluster, and names the address the status knows [check 92]", async () => {
    const { deps, world } = setUp({ metadata: abandoned("gone"), management: [] });
    deps.management.put(
      harvesterMachine("m-0", {
        metadata: deleting("m-0", abandoned("gone")),
        status: { allocatedIPAddress: "10.50.0.10", allocatedPoolRef: "a" },
      }),
    );
    expect(await world.run(vmDelete, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(deps.announced[0]?.event.message).toContain("address 10.50.0.10 in IPPool a");
    expect(own(deps)).toBeUndefined();
  });

  test("needs a reason", async () => {
    const { world } = setUp({ metadata: abandoned(" "), options: { down: ["harvester"] } });
    expect((await world.evaluate(vmDelete, "m-0")).need).toBe(false);
  });

  test("does not override a pause", async () => {
    const { deps, world } = setUp({
      metadata: abandoned("gone"),
      management: [cluster({ spec: { paused: true } }), harvesterCluster(), machine("m-0")],
    });
    expect(await world.run(vmDelete, ["m-0"])).toMatchObject({ "m-0": { kind: "waitFor" } });
    expect(own(deps)).toBeDefined();
  });

  test("is not done when the annotation was taken back meanwhile", async () => {
    const { deps, world } = setUp({ metadata: abandoned("gone") });
    const read = deps.management.get.bind(deps.management);
    deps.management.get = (type, name) => {
      deps.management.put(harvesterMachine("m-0", { metadata: deleting("m-0") }));
      return read(type, name);
    };
    expect(await world.run(vmDelete, ["m-0"])).toMatchObject({ "m-0": { kind: "waitFor" } });
    expect(own(deps)).toBeDefined();
  });
});
