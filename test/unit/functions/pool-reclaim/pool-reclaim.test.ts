import { describe, expect, test } from "vitest";
import { poolReclaim } from "#functions/harvester/pool-reclaim/function.ts";
import { harvesterClusters, ipPools, virtualMachines } from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  ownedLabels,
  place,
  virtualMachine,
} from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

const HERE = "uid-of-this-management-cluster";
const holder = (name: string) => `demo/${name}/uid-HarvesterMachine-${name}`;
const two = { rangeStart: "10.50.0.10", rangeEnd: "10.50.0.11" };
const mark = (...users: string[]) => ({ annotations: { "capfn.dev/used-from": users.join(",") } });
const pools = { ipPoolRef: "a", gateway: "10.50.0.1", subnetMask: "255.255.0.0" };

/** A pool of two addresses: m-0 has one, the other is held by a machine that is gone. */
const leaky = (over: Json = {}) =>
  ipPool("a", {
    range: two,
    status: {
      total: 2,
      available: 0,
      allocated: { "10.50.0.10": holder("m-0"), "10.50.0.11": holder("gone") },
    },
    metadata: mark(HERE),
    ...over,
  });

interface Setup {
  readonly management?: readonly object[];
  readonly harvester?: readonly object[];
  readonly metadata?: Json;
  readonly cluster?: Json;
  readonly connection?: Json;
  readonly down?: readonly string[];
}

function setUp(setup: Setup = {}) {
  const deps = fakeDeps({
    management: [
      cluster({ metadata: { uid: "uid-Cluster-demo" }, ...setup.cluster }),
      harvesterCluster({ spec: { vmNetworkConfig: pools }, metadata: setup.metadata ?? {} }),
      harvesterMachine("m-0"),
      ...(setup.management ?? []),
    ],
    harvester: [virtualMachine("m-0"), ...(setup.harvester ?? [leaky()])],
  });
  const connection = setup.connection ?? { state: "connected", managementUid: HERE };
  const world = stepWorld(deps, "demo", {
    hub: { [place.connection]: connection },
    down: setup.down ?? [],
  });
  return { deps, world, run: () => world.run(poolReclaim, ["demo"]) };
}

const waiting = (name: string, creationTimestamp = "2026-01-01T00:00:00Z") =>
  harvesterMachine(name, {
    metadata: { creationTimestamp, labels: { "cluster.x-k8s.io/cluster-name": "demo" } },
    status: {
      conditions: [
        {
          type: "VMIPAllocated",
          status: "False",
          reason: "VMIPPoolExhausted",
          message: "no IPPool has a free address: a is exhausted",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    },
  });

function pool(deps: FakeDeps, name = "a"): Json {
  return (deps.harvesterApi.peek(ipPools, { name })?.["status"] ?? {}) as Json;
}

function conditions(deps: FakeDeps): string[] {
  const status = deps.management.peek(harvesterClusters, { namespace: "demo", name: "demo" })?.["status"];
  const { conditions: found = [] } = (status ?? {}) as { conditions?: Json[] };
  return found.map((each) => `${String(each["type"])}=${String(each["status"])}/${String(each["reason"])}`);
}

const untouched = { "10.50.0.10": holder("m-0"), "10.50.0.11": holder("gone") };

describe("an address whose machine is gone", () => {
  test("is taken back to a pool that has run out, by one write, and the counter is derived", async () => {
    const { deps, world, run } = setUp();
    const { need, key } = await world.evaluate(poolReclaim, "demo");
    expect({ need, key }).toEqual({ need: true, key: `ippool/${place.connection}/a` });
    expect(await run()).toEqual({ demo: { kind: "done" } });
    expect(pool(deps)).toEqual({
      total: 2,
      available: 1,
      allocated: { "10.50.0.10": holder("m-0") },
      allocatedHistory: { "10.50.0.11": holder("gone") },
    });
    expect(deps.summary()).toEqual([
      "management get harvesterclusters demo/demo",
      "management get clusters demo/demo",
      "management get harvestermachines demo/gone",
      "harvester get virtualmachines vms/gone",
      "harvester list virtualmachines",
      "harvester list virtualmachineinstances",
      "harvester mergePatch ippools a",
    ]);
    expect(deps.counted).toEqual(["capfn_ippool_reclaims_total"]);
    expect(deps.announced.map(({ event }) => event.reason)).toEqual(["VMIPReclaimed"]);
  });

  test("is taken back when another machine has got its name since", async () => {
    const { deps, run } = setUp({
      management: [harvesterMachine("gone", { metadata: { uid: "another" } })],
    });
    await run();
    expect(pool(deps)["allocated"]).toEqual({ "10.50.0.10": holder("m-0") });
  });

  test("is left where it is while addresses are plenty", async () => {
    const { world } = setUp({
      harvester: [leaky({ range: { rangeStart: "10.50.0.10", rangeEnd: "10.50.0.99" } })],
    });
    expect((await world.evaluate(poolReclaim, "demo")).need).toBe(false);
  });
});

describe("an address whose machine is gone while its VM is known to live on", () => {
  test("stays, which is told, and is taken back when the VM goes", async () => {
    const { deps, world } = setUp();
    deps.harvesterApi.put(virtualMachine("gone"));
    await world.settle([poolReclaim], ["demo"]);
    expect(pool(deps)["allocated"]).toEqual(untouched);
    expect(deps.announced.map(({ event }) => event.message)).toEqual([
      "IPPool a has no free address; widen spec.ranges, or name a further pool (10.50.0.11 would be taken back, but VM gone still exists in vms; its machine does not: delete it if nobody needs it)",
    ]);
    expect((await world.evaluate(poolReclaim, "demo")).need).toBe(false);
    deps.harvesterApi.drop(virtualMachines, { namespace: "vms", name: "gone" });
    await world.settle([poolReclaim], ["demo"]);
    expect(pool(deps)["allocated"]).toEqual({ "10.50.0.10": holder("m-0") });
  });
});

describe("an address is never taken back", () => {
  test.each([
    ["of a machine that exists", [harvesterMachine("gone")], []],
    [
      "of a machine that came back from a backup with its identity",
      [
        harvesterMachine("gone", {
          metadata: { uid: "new", annotations: { "capfn.dev/identity": "uid-HarvesterMachine-gone" } },
        }),
      ],
      [],
    ],
    ["whose VM exists, of whatever name and namespace", [], [vmElsewhere("other")]],
    [
      "whose VM exists without our label, under the machine's name",
      [],
      [virtualMachine("gone", { metadata: { labels: {} } })],
    ],
    ["that a running VM reports, whosever it is", [], [instanceWith("10.50.0.11/24")]],
  ])("%s", async (_what, management, harvester) => {
    const made = setUp();
    // The index is behind: nothing of this is in it.
    const lookup = await made.world.snapshot(poolReclaim);
    for (const object of management) made.deps.management.put(object);
    for (const object of harvester) made.deps.harvesterApi.put(object);
    const outcome = await made.world.run(poolReclaim, ["demo"], { lookup });
    expect(outcome).toMatchObject({ demo: { kind: "requeueAfter" } });
    expect(pool(made.deps)["allocated"]).toEqual(untouched);
    expect(made.deps.announced.map(({ event }) => event.reason)).toContain("VMIPNotReclaimed");
  });

  test.each([
    ["the Go provider's, or a load balancer's", "demo/gone"],
    ["of another namespace", "other/gone/uid"],
    ["of a form nobody knows", "demo/gone/uid/more"],
    ["with an identity that could not be a label", "demo/gone/a b"],
    ["without a name", "demo//uid"],
    ["that are empty", ""],
  ])("from holders %s", async (_what, id) => {
    const allocated = { "10.50.0.10": holder("m-0"), "10.50.0.11": id };
    const { deps, world } = setUp({ harvester: [leaky({ status: { allocated } })] });
    await world.settle([poolReclaim], ["demo"]);
    expect(pool(deps)["allocated"]).toEqual(allocated);
  });

  test("from a pool that another management cluster uses too; what looks left over is told", async () => {
    const { deps, world } = setUp({ harvester: [leaky({ metadata: mark(HERE, "elsewhere") })] });
    await world.settle([poolReclaim], ["demo"]);
    expect(pool(deps)["allocated"]).toEqual(untouched);
    expect(conditions(deps)).toEqual(["AddressesAvailable=False/AddressesExhausted"]);
    expect(deps.announced[0]?.event.message).toContain(
      "10.50.0.11, whose machines do not exist here, must be taken out by hand",
    );
  });

  test("when another management cluster begins to use the pool just before the write", async () => {
    const { deps, run } = setUp();
    deps.harvesterApi.beforeNextWrite(() =>
      deps.harvesterApi.put(leaky({ metadata: mark(HERE, "elsewhere") })),
    );
    await run();
    expect(pool(deps)["allocated"]).toEqual(untouched);
    expect(deps.counted).toEqual([]);
  });

  test("when somebody else got it just before the write", async () => {
    const { deps, run } = setUp();
    const allocated = { "10.50.0.10": holder("m-0"), "10.50.0.11": holder("m-1") };
    deps.harvesterApi.beforeNextWrite(() => deps.harvesterApi.put(leaky({ status: { allocated } })));
    await run();
    expect(pool(deps)["allocated"]).toEqual(allocated);
    expect(deps.counted).toEqual([]);
  });

  test.each([
    ["the Cluster is paused", { cluster: { spec: { paused: true } } }],
    ["the HarvesterCluster is paused", { metadata: { annotations: { "cluster.x-k8s.io/paused": "" } } }],
    ["the infrastructure is another's", { metadata: { annotations: { "cluster.x-k8s.io/managed-by": "" } } }],
    [
      "the cluster moves away",
      { metadata: { annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" } } },
    ],
    ["it is unknown which management cluster this is", { connection: { state: "connected" } }],
    ["Harvester is down", { down: ["harvester"] }],
  ] satisfies [string, Setup][])("while %s", async (_what, setup) => {
    const { deps, world } = setUp(setup);
    await world.settle([poolReclaim], ["demo"]);
    expect(pool(deps)["allocated"]).toEqual(untouched);
  });

  test("when the Cluster was paused meanwhile, which the index does not know yet", async () => {
    const { deps, world } = setUp();
    const lookup = await world.snapshot(poolReclaim);
    deps.management.put(cluster({ metadata: { uid: "uid-Cluster-demo" }, spec: { paused: true } }));
    await world.run(poolReclaim, ["demo"], { lookup });
    expect(pool(deps)["allocated"]).toEqual(untouched);
  });
});

describe("a step cut short", () => {
  const wanted = { "10.50.0.10": holder("m-0") };

  test.each(["before", "after"] as const)("%s any of its calls ends in the same state", async (moment) => {
    for (let n = 0; n < 7; n += 1) {
      const { deps, world, run } = setUp();
      deps.failAt(n, kubeError("timeout"), moment);
      await expect(run()).rejects.toMatchObject({ reason: "timeout" });
      await world.settle([poolReclaim], ["demo"]);
      expect(pool(deps)).toMatchObject({ allocated: wanted, available: 1 });
    }
  });

  test("by a conflict goes on with the newest version of the pool", async () => {
    const { deps, run } = setUp();
    deps.harvesterApi.beforeNextWrite(() =>
      deps.harvesterApi.put(
        leaky({ status: { total: 9, allocated: { ...untouched, "10.50.0.77": "ns/x" } } }),
      ),
    );
    await run();
    expect(pool(deps)).toMatchObject({ allocated: { ...wanted, "10.50.0.77": "ns/x" }, available: 7 });
  });
});

describe("a pool", () => {
  test("is marked as used from here before anything else, and only once", async () => {
    const { deps, world } = setUp({ harvester: [ipPool("a", { metadata: mark("elsewhere") })] });
    await world.settle([poolReclaim], ["demo"]);
    const annotations = deps.harvesterApi.peek(ipPools, { name: "a" })?.metadata.annotations;
    expect(annotations).toEqual({ "capfn.dev/used-from": `elsewhere,${HERE}` });
    expect(deps.summary()).toEqual(["harvester mergePatch ippools a"]);
    expect((await world.evaluate(poolReclaim, "demo")).need).toBe(false);
  });

  test("edited to nonsense parks nothing, and the condition says what", async () => {
    const { deps, world } = setUp({
      harvester: [
        leaky({
          ranges: [{ subnet: "10.50.0.0/33" }],
          status: { total: -4, allocated: { "not an address": "?", "10.50.0.11": holder("gone") } },
        }),
      ],
    });
    const outcomes = await world.settle([poolReclaim], ["demo"]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["done"]);
    expect(conditions(deps)).toEqual(["AddressesAvailable=False/IPPoolMalformed"]);
    expect(deps.announced[0]?.event.message).toBe(
      'IPPool a is malformed: spec.ranges[0].subnet "10.50.0.0/33" is no CIDR block; give one such as 10.50.0.0/16',
    );
  });

  test("with entries beside its ranges is not short because of them", async () => {
    const { world } = setUp({
      harvester: [
        leaky({
          range: { rangeStart: "10.50.0.10", rangeEnd: "10.50.0.12" },
          status: { allocated: { "10.50.0.10": holder("m-0"), "10.9.9.9": "x", nonsense: "y" } },
        }),
      ],
    });
    expect((await world.evaluate(poolReclaim, "demo")).need).toBe(false);
  });
});

describe("what is missing", () => {
  const full = () =>
    leaky({ status: { allocated: { "10.50.0.10": holder("m-0"), "10.50.0.11": "kube-system/lb" } } });

  test("is told of all machines that began to wait together, by a condition, an Event and an emission", async () => {
    const { deps, world, run } = setUp({
      management: [waiting("m-1"), waiting("m-2", "2026-01-01T00:00:03Z")],
      harvester: [full()],
    });
    expect((await world.evaluate(poolReclaim, "demo")).need).toEqual(new Date("2026-01-01T00:00:08Z"));
    const message =
      "2 machines wait for an address: 2 addresses are short; IPPool a has no free address; widen spec.ranges, or name a further pool";
    expect(await run()).toEqual({
      demo: {
        kind: "done",
        emit: [
          {
            type: "dev.capfn.ippool.exhausted",
            data: { cluster: "demo/demo", reason: "AddressesExhausted", message },
          },
        ],
      },
    });
    expect(conditions(deps)).toEqual(["AddressesAvailable=False/AddressesExhausted"]);
    expect(deps.announced.map(({ event }) => event)).toEqual([
      { type: "Warning", reason: "AddressesExhausted", message },
    ]);
    expect((await world.evaluate(poolReclaim, "demo")).need).toBe(false);
  });

  test("is looked for in the pools a waiting machine names itself too", async () => {
    const own = { vmNetworkConfig: { ...pools, ipPoolRef: "b" } };
    const machine = waiting("m-1") as { spec: Json };
    const { deps, world } = setUp({
      management: [{ ...machine, spec: { ...machine.spec, ...own } }],
      harvester: [
        ipPool("a", { metadata: mark(HERE) }),
        ipPool("b", {
          range: { rangeStart: "10.50.0.30", rangeEnd: "10.50.0.30" },
          status: { allocated: { "10.50.0.30": holder("gone") } },
        }),
      ],
    });
    await world.settle([poolReclaim], ["demo"]);
    expect(pool(deps, "b")["allocated"]).toEqual({});
  });

  test("is taken back when there are addresses again, and a cluster that never lacked any has no condition", async () => {
    const { deps, world } = setUp({ harvester: [full()] });
    await world.settle([poolReclaim], ["demo"]);
    expect(conditions(deps)).toEqual(["AddressesAvailable=False/AddressesExhausted"]);
    deps.harvesterApi.put(leaky({ range: { rangeStart: "10.50.0.10", rangeEnd: "10.50.0.99" }, status: {} }));
    await world.settle([poolReclaim], ["demo"]);
    expect(conditions(deps)).toEqual(["AddressesAvailable=True/AddressesAvailable"]);
    const fine = setUp({ harvester: [leaky({ status: {} })] });
    await fine.world.settle([poolReclaim], ["demo"]);
    expect(conditions(fine.deps)).toEqual([]);
  });

  test("is told early, at a tenth of the addresses", async () => {
    const ten = { rangeStart: "10.50.0.10", rangeEnd: "10.50.0.19" };
    const allocated = Object.fromEntries(
      Array.from({ length: 9 }, (_, n) => [`10.50.0.1${n}`, `ns/lb-${n}`]),
    );
    const { deps, world } = setUp({ harvester: [leaky({ range: ten, status: { allocated } })] });
    await world.settle([poolReclaim], ["demo"]);
    expect(conditions(deps)).toEqual(["AddressesAvailable=True/AddressesRunningOut"]);
  });
});

describe("an address with two holders", () => {
  test.each([
    ["in two pools", { "10.50.0.10": holder("m-0") }, { "10.50.0.10": "other/x" }],
    ["in two spellings", { "fd00::1": holder("m-0"), "fd00:0::1": "other/x" }, {}],
  ])("%s is told", async (_what, one, two) => {
    const { deps, world } = setUp({
      harvester: [
        ipPool("a", { status: { allocated: one }, metadata: mark(HERE) }),
        ipPool("b", { status: { allocated: two }, metadata: mark(HERE) }),
      ],
    });
    deps.management.put(
      harvesterCluster({ spec: { vmNetworkConfig: { ...pools, ipPoolRefs: ["a", "b"] } } }),
    );
    await world.settle([poolReclaim], ["demo"]);
    expect(conditions(deps)).toEqual(["AddressesUnique=False/AddressHeldTwice"]);
    expect(deps.announced[0]?.event.message).toMatch(
      /is held by demo\/m-0\/\S+ in a and by other\/x in [ab];/,
    );
  });
});

function vmElsewhere(name: string): object {
  return virtualMachine(name, { metadata: { namespace: "elsewhere", labels: ownedLabels("gone") } });
}

function instanceWith(address: string): object {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name: "somebody", namespace: "elsewhere" },
    spec: {},
    status: { phase: "Running", interfaces: [{ name: "nic-1", ipAddress: address, ipAddresses: [address] }] },
  };
}
