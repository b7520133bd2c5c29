import { describe, expect, test } from "vitest";
import { ipRelease } from "#functions/harvester/ip-release/function.ts";
import { harvesterMachines, ipPools } from "#platform/kube/resources.ts";
import {
  cluster,
  deleting,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  machine,
  virtualMachine,
  virtualMachineInstance,
} from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

const holder = (name: string) => `demo/${name}/uid-HarvesterMachine-${name}`;
const heldBy = (...names: string[]) =>
  Object.fromEntries(names.map((name, index) => [`10.50.0.1${index}`, holder(name)]));

interface Setup {
  readonly names?: readonly string[];
  readonly harvester?: readonly object[];
  readonly metadata?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

function setUp({ names = ["m-0"], harvester, metadata = {}, status = {} }: Setup = {}) {
  const deps = fakeDeps({
    management: [
      cluster(),
      harvesterCluster(),
      ...names.map((name) => machine(name)),
      ...names.map((name) => harvesterMachine(name, { metadata: deleting(name, metadata), status })),
    ],
    harvester: harvester ?? [
      ipPool("a", { status: { total: 10, available: 3, allocated: heldBy(...names) } }),
    ],
  });
  return { deps, world: stepWorld(deps, "demo") };
}

function pool(deps: FakeDeps, name = "a") {
  const status = deps.harvesterApi.peek(ipPools, { name })?.["status"];
  return { allocated: {}, allocatedHistory: {}, ...(status as object) };
}

describe("the address of a deleted machine", () => {
  test("is given back with one write once VM and instance are gone, and the counter is derived [check 86] [check 88]", async () => {
    const { deps, world } = setUp();
    expect(await world.run(ipRelease, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(pool(deps)).toEqual({
      total: 10,
      available: 10,
      allocated: {},
      allocatedHistory: { "10.50.0.10": holder("m-0") },
    });
    expect(deps.summary()).toEqual([
      "management get harvestermachines demo/m-0",
      "management get clusters demo/demo",
      "harvester get virtualmachines vms/m-0",
      "harvester mergePatch ippools a",
    ]);
    expect(deps.counted).toEqual(["caphv_ippool_releases_total"]);
    expect((await world.evaluate(ipRelease, "m-0")).need).toBe(false);
  });

  test.each([
    ["VM", virtualMachine("m-0")],
    ["instance", virtualMachineInstance("m-0")],
  ])("is kept while the %s exists [check 88]", async (_what, object) => {
    const { deps, world } = setUp();
    deps.harvesterApi.put(object);
    expect((await world.evaluate(ipRelease, "m-0")).need).toBe(false);
  });

  test("is kept when the VM turns out to exist after all: the index was behind [check 88]", async () => {
    const { deps, world } = setUp();
    const before = await world.evaluate(ipRelease, "m-0");
    expect(before.need).toBe(true);
    const stale = deps.harvesterApi.get.bind(deps.harvesterApi);
    deps.harvesterApi.get = (type, name) => {
      deps.harvesterApi.put(virtualMachine("m-0"));
      return stale(type, name);
    };
    expect(await world.run(ipRelease, ["m-0"])).toMatchObject({
      "m-0": { kind: "waitFor", targets: [{ seen: "absent" }] },
    });
    expect(pool(deps).allocated).toEqual(heldBy("m-0"));
  });

  test("is kept while it is unknown what is on Harvester [check 92]", async () => {
    const { deps } = setUp();
    const down = stepWorld(deps, "demo", { down: ["harvester"] });
    expect((await down.evaluate(ipRelease, "m-0")).need).toBe(false);
  });

  test("is never taken from who got it since [check 88]", async () => {
    const { deps, world } = setUp();
    deps.harvesterApi.beforeNextWrite(() =>
      deps.harvesterApi.put(ipPool("a", { status: { allocated: { "10.50.0.10": "demo/m-1/new" } } })),
    );
    expect(await world.run(ipRelease, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(pool(deps).allocated).toEqual({ "10.50.0.10": "demo/m-1/new" });
    expect(deps.counted).toEqual([]);
  });

  test("is given back once, also when the answer was lost [check 88]", async () => {
    const { deps, world } = setUp();
    deps.harvesterApi.failOn({ verb: "mergePatch" }, kubeError("timeout"), { moment: "after" });
    await expect(world.run(ipRelease, ["m-0"])).rejects.toMatchObject({ reason: "timeout" });
    expect(pool(deps)).toMatchObject({ allocated: {}, available: 10 });
    expect((await world.evaluate(ipRelease, "m-0")).need).toBe(false);
  });

  test("is given back in spite of other writers, from the newest version", async () => {
    const { deps, world } = setUp();
    deps.harvesterApi.beforeNextWrite(() =>
      deps.harvesterApi.put(
        ipPool("a", { status: { total: 10, allocated: { ...heldBy("m-0"), "10.50.0.15": "ns/x" } } }),
      ),
    );
    await world.run(ipRelease, ["m-0"]);
    expect(pool(deps)).toMatchObject({ allocated: { "10.50.0.15": "ns/x" }, available: 9 });
  });

  test("of many machines costs one write of the pool and one look at their Cluster [check 99]", async () => {
    const names = ["m-0", "m-1", "m-2"];
    const { deps, world } = setUp({ names });
    await world.run(ipRelease, names);
    expect(pool(deps)).toMatchObject({ allocated: {}, available: 10 });
    expect(deps.summary().filter((request) => request.includes("mergePatch"))).toHaveLength(1);
    expect(deps.summary().filter((request) => request.includes("clusters"))).toHaveLength(1);
  });

  test("is found by holder, not by what the status says; it may be in several pools", async () => {
    const { deps, world } = setUp({
      harvester: [
        ipPool("a", { status: { allocated: { "10.50.0.10": holder("m-0") } } }),
        ipPool("b", { status: { allocated: { "10.50.0.11": holder("m-0"), "10.50.0.12": "ns/other" } } }),
      ],
    });
    await world.run(ipRelease, ["m-0"]);
    expect(pool(deps, "a").allocated).toEqual({});
    expect(pool(deps, "b").allocated).toEqual({ "10.50.0.12": "ns/other" });
  });
});

describe("an address under the Go provider's id", () => {
  const legacy = { "10.50.0.10": "demo/m-0", "10.50.0.11": "demo/m-0" };

  test("is given back when the status names address and pool; another one under that id is not [check 89]", async () => {
    const { deps, world } = setUp({
      harvester: [
        ipPool("a", { status: { allocated: legacy } }),
        ipPool("b", { status: { allocated: legacy } }),
      ],
      status: { allocatedIPAddress: "10.50.0.10", allocatedPoolRef: "b" },
    });
    await world.run(ipRelease, ["m-0"]);
    expect(pool(deps, "a").allocated).toEqual(legacy);
    expect(pool(deps, "b").allocated).toEqual({ "10.50.0.11": "demo/m-0" });
  });

  test("is given back from the pool that has it when the status names no pool [check 89]", async () => {
    const { deps, world } = setUp({
      harvester: [ipPool("a", { status: { allocated: legacy } })],
      status: { allocatedIPAddress: "10.50.0.10" },
    });
    await world.run(ipRelease, ["m-0"]);
    expect(pool(deps).allocated).toEqual({ "10.50.0.11": "demo/m-0" });
  });

  test("is not the machine's without its status", async () => {
    const { world } = setUp({ harvester: [ipPool("a", { status: { allocated: legacy } })] });
    expect((await world.evaluate(ipRelease, "m-0")).need).toBe(false);
  });
});

describe("nothing is released", () => {
  test.each([
    ["moved away", { annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" } }],
    ["paused", { annotations: { "cluster.x-k8s.io/paused": "" } }],
  ])("for a machine that is %s", async (_what, metadata) => {
    const { world } = setUp({ metadata });
    expect((await world.evaluate(ipRelease, "m-0")).need).toBe(false);
  });

  test("for a namesake: the machine whose deletion was seen is gone, a new one has its name", async () => {
    const { deps, world } = setUp();
    const stale = deps.management.get.bind(deps.management);
    deps.management.get = (type, name) => {
      if (type === harvesterMachines)
        deps.management.put(harvesterMachine("m-0", { metadata: { uid: "new" } }));
      return stale(type, name);
    };
    expect(await world.run(ipRelease, ["m-0"])).toMatchObject({ "m-0": { kind: "waitFor" } });
    expect(pool(deps).allocated).toEqual(heldBy("m-0"));
  });
});
