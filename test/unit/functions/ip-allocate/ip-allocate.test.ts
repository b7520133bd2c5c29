import { describe, expect, test } from "vitest";
import { ipAllocate } from "#functions/harvester/ip-allocate/function.ts";
import { harvesterMachines, ipPools } from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  machine,
  place,
  virtualMachine,
} from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

const identity = (name: string) => `uid-HarvesterMachine-${name}`;
const holder = (name: string) => `demo/${name}/${identity(name)}`;
const config = (over: object) => ({
  vmNetworkConfig: { gateway: "10.50.0.1", subnetMask: "255.255.0.0", ...over },
});

interface Setup {
  readonly names?: readonly string[];
  readonly pools?: readonly object[];
  readonly network?: object;
  readonly machineSpec?: Record<string, unknown>;
  readonly machines?: readonly object[];
}

function setUp({
  names = ["m-0"],
  pools = [ipPool("a")],
  network = { ipPoolRef: "a" },
  machineSpec = {},
  machines,
}: Setup = {}) {
  const deps = fakeDeps({
    management: [
      cluster(),
      harvesterCluster({ spec: config(network) }),
      ...names.map((name) => machine(name)),
      ...(machines ?? names.map((name) => harvesterMachine(name, { spec: machineSpec }))),
    ],
    harvester: pools,
  });
  return { deps, world: stepWorld(deps, place.namespace) };
}

function pool(deps: FakeDeps, name = "a") {
  const status = deps.harvesterApi.peek(ipPools, { name })?.["status"];
  const shown: { allocated: Record<string, string> } = { allocated: {}, ...(status as object) };
  return shown;
}

const own = (deps: FakeDeps, name = "m-0") =>
  deps.management.peek(harvesterMachines, { namespace: "demo", name })!;

describe("a machine that waits for an address", () => {
  test("gets the finalizer and its identity first, then the address, with two writes in all [check 52] [check 67]", async () => {
    const { deps, world } = setUp();
    expect(await world.run(ipAllocate, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(deps.summary()).toEqual([
      "management mergePatch harvestermachines demo/m-0",
      "harvester mergePatch ippools a",
    ]);
    expect(own(deps).metadata.finalizers).toEqual([
      "harvestermachine.infrastructure.cluster.x-k8s.io/finalizer",
    ]);
    expect(own(deps).metadata.annotations).toEqual({ "capfn.dev/identity": identity("m-0") });
    expect(pool(deps)).toMatchObject({
      allocated: { "10.50.0.10": holder("m-0") },
      lastAllocated: "10.50.0.10",
      available: 9,
    });
    expect(deps.counted).toEqual(["caphv_ippool_allocations_total"]);
    expect(deps.announced.map(({ event }) => event.reason)).toEqual(["VMIPAllocated"]);
  });

  test("has nothing left to do afterwards, whatever its status says", async () => {
    const { world } = setUp();
    await world.run(ipAllocate, ["m-0"]);
    expect((await world.evaluate(ipAllocate, "m-0")).need).toBe(false);
  });

  test("gets none when its finalizer could not be written", async () => {
    const { deps, world } = setUp();
    deps.management.failOn({ verb: "mergePatch" }, kubeError("unavailable", "management"));
    await expect(world.run(ipAllocate, ["m-0"])).rejects.toMatchObject({ reason: "unavailable" });
    expect(pool(deps).allocated).toEqual({});
  });

  test("takes turns with everything else that writes the pool", async () => {
    const { world } = setUp();
    expect((await world.evaluate(ipAllocate, "m-0")).key).toBe("ippool/harvester/demo/identity/a");
  });
});

describe("there is nothing to allocate", () => {
  const cases: Record<string, Setup & { over?: object }> = {
    "with DHCP": { network: undefined as never },
    "with a fixed address [check 66]": {
      machineSpec: { networkConfig: { address: "10.50.0.40", gateway: "10.50.0.1" } },
    },
    "once the machine has a VM": { machineSpec: { providerID: "harvester://x" } },
    "once the machine's VM is lost (W6)": {
      machines: [
        harvesterMachine("m-0", {
          status: {
            conditions: [
              {
                type: "MachineCreated",
                status: "False",
                reason: "MachineNotFound",
                message: "",
                lastTransitionTime: "2026-01-01T00:00:00Z",
              },
            ],
          },
        }),
      ],
    },
    "while the VM exists": { pools: [ipPool("a"), virtualMachine("m-0")] },
    "when a pool holds an address already": {
      pools: [ipPool("a", { status: { allocated: { "10.50.0.12": holder("m-0") } } })],
    },
    "when the machine is being deleted": {
      machines: [
        harvesterMachine("m-0", {
          metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x"] },
        }),
      ],
    },
  };
  test.each(Object.entries(cases))("%s", async (name, setup) => {
    const deps = setUp(setup).deps;
    if (name === "with DHCP") deps.management.put(harvesterCluster());
    expect((await stepWorld(deps, "demo").evaluate(ipAllocate, "m-0")).need).toBe(false);
  });

  test("while a gate is closed [check 49] [check 51]", async () => {
    const { deps, world } = setUp();
    deps.management.put(cluster({ spec: { paused: true } }));
    expect((await world.evaluate(ipAllocate, "m-0")).need).toBe(false);
  });

  test("under the machine's own vmNetworkConfig without pools: it replaces the cluster's as a whole [check 66]", async () => {
    const { world } = setUp({ machineSpec: config({}) });
    expect((await world.evaluate(ipAllocate, "m-0")).need).toBe(false);
  });
});

describe("many machines on one pool", () => {
  const names = Array.from({ length: 100 }, (_, index) => `m-${String(index).padStart(3, "0")}`);
  const big = ipPool("a", { range: { rangeEnd: "10.50.0.200" } });

  test("are served with one write of the pool, each address once [check 72]", async () => {
    const { deps, world } = setUp({ names, pools: [big] });
    const outcomes = await world.run(ipAllocate, names);
    expect(Object.values(outcomes).every(({ kind }) => kind === "done")).toBe(true);
    expect(deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([
      "harvester mergePatch ippools a",
    ]);
    expect(new Set(Object.values(pool(deps).allocated)).size).toBe(100);
    expect(Object.keys(pool(deps).allocated)).not.toContain("10.50.0.1");
  });

  test("are served in the order of their creation, then of their names [check 69]", async () => {
    const at = (name: string, minute: number) =>
      harvesterMachine(name, { metadata: { creationTimestamp: `2026-01-01T00:0${minute}:00Z` } });
    const { deps, world } = setUp({
      names: ["late", "b", "a"],
      machines: [at("late", 2), at("b", 1), at("a", 1)],
      pools: [ipPool("a", { range: { rangeEnd: "10.50.0.11" } })],
    });
    const outcomes = await world.run(ipAllocate, ["late", "b", "a"]);
    expect(pool(deps).allocated).toEqual({ "10.50.0.10": holder("a"), "10.50.0.11": holder("b") });
    expect(outcomes["late"]).toMatchObject({ kind: "waitFor", timeoutMs: 600_000 });
  });

  test("split over the pools in order: two of four in each [check 68]", async () => {
    const range = { rangeEnd: "10.50.0.11" };
    const { deps, world } = setUp({
      names: ["m-0", "m-1", "m-2", "m-3"],
      network: { ipPoolRefs: ["a", "b"], ipPoolRef: "ignored" },
      pools: [ipPool("a", { range }), ipPool("b", { range })],
    });
    await world.settle([ipAllocate], ["m-0", "m-1", "m-2", "m-3"]);
    expect(pool(deps, "a").allocated).toEqual({ "10.50.0.10": holder("m-0"), "10.50.0.11": holder("m-1") });
    expect(pool(deps, "b").allocated).toEqual({ "10.50.0.10": holder("m-2"), "10.50.0.11": holder("m-3") });
  });

  test("lose nothing to somebody else who was quicker: the pool is read once and planned anew [check 72]", async () => {
    const { deps, world } = setUp({ names: ["m-0", "m-1"] });
    deps.harvesterApi.beforeNextWrite(() =>
      deps.harvesterApi.put(
        ipPool("a", {
          status: { allocated: { "10.50.0.10": "ns/lb" }, lastAllocated: "10.50.0.10", total: 10 },
        }),
      ),
    );
    // The finalizers are written first; the hook sits at the Harvester API only.
    await world.run(ipAllocate, ["m-0", "m-1"]);
    expect(pool(deps)).toMatchObject({
      allocated: { "10.50.0.10": "ns/lb", "10.50.0.11": holder("m-0"), "10.50.0.12": holder("m-1") },
      available: 7,
    });
    expect(deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([
      "harvester mergePatch ippools a",
      "harvester get ippools a",
      "harvester mergePatch ippools a",
    ]);
  });

  test("look again soon when the pool changes under every try", async () => {
    const { deps, world } = setUp();
    deps.harvesterApi.failOn({ verb: "mergePatch", plural: "ippools" }, kubeError("conflict"), { times: 9 });
    expect(await world.run(ipAllocate, ["m-0"])).toMatchObject({ "m-0": { kind: "requeueAfter" } });
    expect(deps.summary().filter((request) => request.endsWith("mergePatch ippools a"))).toHaveLength(4);
  });
});

describe("an interrupted allocation", () => {
  test("whose answer was lost is found in the pool, not repeated [check 71]", async () => {
    const { deps, world } = setUp();
    const stale = await world.evaluate(ipAllocate, "m-0");
    expect(stale.need).toBe(true);
    deps.harvesterApi.failOn({ verb: "mergePatch", plural: "ippools" }, kubeError("timeout"), {
      moment: "after",
    });
    await expect(world.run(ipAllocate, ["m-0"])).rejects.toMatchObject({ reason: "timeout" });
    expect(pool(deps).allocated).toEqual({ "10.50.0.10": holder("m-0") });
    expect((await world.evaluate(ipAllocate, "m-0")).need).toBe(false);
  });

  test("is not repeated by a step that still sees the pool as it was [check 71]", async () => {
    const { deps, world } = setUp();
    deps.harvesterApi.beforeNextWrite(() =>
      deps.harvesterApi.put(ipPool("a", { status: { allocated: { "10.50.0.15": holder("m-0") } } })),
    );
    expect(await world.run(ipAllocate, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(pool(deps).allocated).toEqual({ "10.50.0.15": holder("m-0") });
    expect(deps.counted).toEqual([]);
  });

  test("of one machine does not hold up the others of the batch", async () => {
    const { deps, world } = setUp({ names: ["m-0", "m-1"] });
    deps.management.failOn({ verb: "mergePatch", name: "m-0" }, kubeError("unavailable", "management"));
    expect(await world.run(ipAllocate, ["m-0", "m-1"])).toMatchObject({
      "m-0": { kind: "requeueAfter" },
      "m-1": { kind: "done" },
    });
    expect(Object.values(pool(deps).allocated)).toEqual([holder("m-1")]);
  });
});

describe("when no pool gives an address", () => {
  const full = (name: string) =>
    ipPool(name, {
      range: { rangeEnd: "10.50.0.10" },
      status: { allocated: { "10.50.0.10": "ns/other" }, total: 1, available: 0 },
    });

  test("the machine waits for a change of any of them, and says once that they are exhausted [check 69]", async () => {
    const { deps, world } = setUp({
      network: { ipPoolRefs: ["a", "b", "later"] },
      pools: [full("a"), full("b")],
    });
    const { "m-0": outcome } = await world.run(ipAllocate, ["m-0"]);
    expect(outcome).toMatchObject({
      kind: "waitFor",
      timeoutMs: 600_000,
      reason: "no IPPool has a free address: a is exhausted; b is exhausted; later does not exist",
      targets: [{ ref: { name: "a" } }, { ref: { name: "b" } }, { ref: { name: "later" }, seen: "absent" }],
    });
    expect(deps.counted).toEqual(["caphv_ippool_allocation_errors_total"]);
    expect(deps.announced.map(({ event }) => event.reason)).toEqual(["VMIPPoolExhausted"]);
    await world.run(ipAllocate, ["m-0"], { wait: "timedOut" });
    expect(deps.counted).toHaveLength(1);
  });

  test("and it gets the address as soon as one is given back [check 69]", async () => {
    const { deps, world } = setUp({ pools: [full("a")] });
    await world.run(ipAllocate, ["m-0"]);
    deps.harvesterApi.put(ipPool("a", { range: { rangeEnd: "10.50.0.10" } }));
    expect(await world.run(ipAllocate, ["m-0"], { wait: "fulfilled" })).toEqual({ "m-0": { kind: "done" } });
  });

  test("waiting costs no request", async () => {
    const { deps, world } = setUp({ pools: [full("a")] });
    await world.run(ipAllocate, ["m-0"]);
    const before = deps.requests.length;
    await world.run(ipAllocate, ["m-0"], { wait: "timedOut" });
    expect(deps.requests.length).toBe(before);
  });

  test("because all serve other networks, the failure lists pools and networks [check 70]", async () => {
    const { deps, world } = setUp({
      network: { ipPoolRefs: ["a", "b"] },
      pools: [ipPool("a", { network: "default/vlan2" }), ipPool("b", { network: "vlan3" })],
    });
    expect(await world.run(ipAllocate, ["m-0"])).toEqual({
      "m-0": {
        kind: "failed",
        reason: "VMIPAllocationFailed",
        message:
          "no IPPool can be used: a serves network default/vlan2 only (spec.selector.network); b serves network vlan3 only (spec.selector.network); the machine's spec.networks: default/vlan1",
      },
    });
    expect(pool(deps).allocated).toEqual({});
  });

  test.each([["default/vlan1"], ["vlan1"]])(
    "a pool for network %s serves the machine on default/vlan1 [check 70]",
    async (network) => {
      const { world } = setUp({ pools: [ipPool("a", { network })] });
      expect(await world.run(ipAllocate, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    },
  );

  test("because a range is malformed, the next pool is tried; with none left, the failure names pool and field", async () => {
    const broken = ipPool("broken", { range: { subnet: "10.50.0.0" } });
    const two = setUp({ network: { ipPoolRefs: ["broken", "a"] }, pools: [broken, ipPool("a")] });
    await two.world.run(ipAllocate, ["m-0"]);
    expect(pool(two.deps).allocated).toEqual({ "10.50.0.10": holder("m-0") });
    const one = setUp({ network: { ipPoolRef: "broken" }, pools: [broken] });
    expect(await one.world.run(ipAllocate, ["m-0"])).toMatchObject({
      "m-0": {
        kind: "failed",
        message: expect.stringContaining("broken is malformed: spec.ranges[0].subnet") as string,
      },
    });
  });

  test("a pool that is mended or appears is news for the machine, an allocation in a usable one is not", async () => {
    const { deps, world } = setUp({
      network: { ipPoolRefs: ["a", "b"] },
      pools: [ipPool("a", { network: "vlan9" }), ipPool("b")],
    });
    const { edges, inputs } = await world.evaluate(ipAllocate, "m-0");
    const wakes = edges.filter(
      (edge) => edge.kind === "object" && edge.view.type.plural === "ippools" && edge.wake === "places",
    );
    expect(wakes.map((edge) => edge.kind === "object" && edge.ref.name)).toEqual(["a"]);
    deps.harvesterApi.put(ipPool("b", { status: { allocated: { "10.50.0.10": "ns/other" } } }));
    expect((await world.evaluate(ipAllocate, "m-0")).inputs).toEqual(inputs);
    deps.harvesterApi.put(ipPool("a"));
    expect((await world.evaluate(ipAllocate, "m-0")).inputs).not.toEqual(inputs);
  });

  test("a pool that shrank below its allocations still gives the address that is free", async () => {
    const { deps, world } = setUp({
      pools: [
        ipPool("a", {
          range: { rangeEnd: "10.50.0.10" },
          status: { allocated: { "10.50.0.99": "ns/other" } },
        }),
      ],
    });
    await world.run(ipAllocate, ["m-0"]);
    expect(pool(deps).allocated).toMatchObject({ "10.50.0.10": holder("m-0") });
  });
});
