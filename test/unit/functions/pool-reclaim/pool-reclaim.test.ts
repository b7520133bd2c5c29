import { describe, expect, test } from "vitest";
import { poolReclaim } from "#functions/harvester/pool-reclaim/function.ts";
import { ipPools, virtualMachines } from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterMachine,
  ipPool,
  ownedLabels,
  place,
  virtualMachine,
} from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { HERE, conditions, holder, leaky, mark, pool, setUp, untouched, type Setup } from "./pool-setup.ts";

describe("an address whose machine is gone", () => {
  test("is taken back to a pool that has run out, by one write, and the counter is derived", async () => {
    const { deps, world, run } = setUp();
    const { need, key } = await world.evaluate(poolReclaim, "demo");
    expect({ need, key }).toEqual({ need: true, key: `ippool/${place.connection}/a` });
    expect(await run()).toMatchObject({ demo: { kind: "requeueAfter", afterMs: 100 } });
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

describe("a step that mends one pool", () => {
  test("says that there may be more to do, so that no condition is left untold", async () => {
    const { deps, run } = setUp({ harvester: [leaky({ metadata: {} })] });
    const outcomes = [await run(), await run(), await run(), await run()];
    expect(outcomes.map(({ demo }) => demo?.kind)).toEqual(["requeueAfter", "requeueAfter", "done", "done"]);
    expect(pool(deps)["allocated"]).toEqual({ "10.50.0.10": holder("m-0") });
  });
});

describe("a pool", () => {
  test("that has no entries but the Go provider's is not written to [check 105]", async () => {
    const status = {
      total: 2,
      available: 7,
      allocated: { "10.50.0.10": "demo/m-0", "10.50.0.11": "demo/m-1" },
    };
    const { deps, world } = setUp({ harvester: [leaky({ metadata: {}, status })] });
    await world.settle([poolReclaim], ["demo"]);
    expect(deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([]);
  });

  test("with entries of ours is marked as used from here before anything else, and only once", async () => {
    const status = { allocated: { "10.50.0.10": holder("m-0") } };
    const { deps, world } = setUp({ harvester: [ipPool("a", { metadata: mark("elsewhere"), status })] });
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
