import { describe, expect, test } from "vitest";
import { clusterDelete } from "#functions/harvester/cluster-delete/function.ts";
import { lbProvision } from "#functions/harvester/lb-provision/function.ts";
import { harvesterMachines, ipPools, loadBalancers, services } from "#platform/kube/resources.ts";
import { cluster, harvesterMachine, ipPool, place, virtualMachine } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import {
  clusterStage,
  IDENTITY,
  LB,
  type ClusterStage,
  type Loose,
  type StageOptions,
} from "../cluster-stage.ts";

const HOLDER = `${place.target}/${LB}`;
const inTarget = { namespace: place.target, name: LB };
const labels = { "capfn.dev/owner-uid": IDENTITY };
const finalizer = "harvester.infrastructure.cluster.x-k8s.io/finalizer";

const metadata = (over: object = {}) => ({
  deletionTimestamp: "2026-01-01T00:10:00Z",
  finalizers: [finalizer, "other"],
  annotations: { "capfn.dev/identity": IDENTITY, "capfn.dev/control-plane-endpoint": "load-balancer" },
  ...over,
});
const endpoint = { controlPlaneEndpoint: { host: "10.50.0.10", port: 6443 } };
const service = (over: object = labels) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { ...inTarget, labels: over },
  status: { loadBalancer: { ingress: [{ ip: "10.50.0.10" }] } },
});
const balancer = (over: object = labels) => ({
  apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
  kind: "LoadBalancer",
  metadata: { ...inTarget, labels: over },
  status: { address: "10.50.0.10" },
});
const everything = () => [
  service(),
  balancer(),
  ipPool("demo-demo-ippool", { metadata: { labels }, status: { allocated: { "10.50.0.10": HOLDER } } }),
  ipPool("demo-demo-vm-ippool", { metadata: { labels } }),
  ipPool("theirs"),
];

function stageOf(options: StageOptions = {}): ClusterStage {
  return clusterStage([clusterDelete], {
    spec: { ...endpoint, loadBalancerConfig: { ipamType: "pool", ipPoolRef: "demo-demo-ippool" } },
    metadata: metadata(),
    harvester: everything(),
    ...options,
  });
}

const left = (stage: ClusterStage) => ({
  service: stage.service() !== undefined,
  balancer: stage.balancer() !== undefined,
  pools: ["demo-demo-ippool", "demo-demo-vm-ippool", "theirs"].filter(
    (name) => stage.deps.harvesterApi.peek(ipPools, { name }) !== undefined,
  ),
});
const untouched = {
  service: true,
  balancer: true,
  pools: ["demo-demo-ippool", "demo-demo-vm-ippool", "theirs"],
};
const isFreed = (stage: ClusterStage): boolean => stage.own().metadata.finalizers.join() === "other";

/** What it waits for, once it has taken five seconds. */
async function waitsFor(stage: ClusterStage) {
  const { need } = await stage.world.evaluate(clusterDelete, "demo");
  expect(need).toEqual(new Date("2026-01-01T00:10:05Z"));
  await stage.world.run(clusterDelete, ["demo"]);
  expect((await stage.world.evaluate(clusterDelete, "demo")).need).toBe(false);
  return [stage.condition("Deleting"), stage.message("Deleting")];
}

describe("the deletion of a cluster", () => {
  test("leaves nothing of ours, keeps pools that are referred to, and lets go last [check 94] [check 97]", async () => {
    const stage = stageOf();
    await stage.settle();
    expect(left(stage)).toEqual({ service: false, balancer: false, pools: ["theirs"] });
    expect(isFreed(stage)).toBe(true);
    const requests = stage.deps.summary().filter((request) => / (delete|mergePatch) /.test(request));
    expect(requests).toEqual([
      `harvester delete loadbalancers ${HOLDER}`,
      `harvester delete services ${HOLDER}`,
      "harvester mergePatch ippools demo-demo-ippool",
      "harvester delete ippools demo-demo-ippool",
      "harvester delete ippools demo-demo-vm-ippool",
      "management mergePatch harvesterclusters demo/demo",
    ]);
  });

  test("before the first control plane VM gives the reserved address back [check 95]", async () => {
    const stage = stageOf({
      spec: { loadBalancerConfig: { ipamType: "pool", ipPoolRef: "theirs" } },
      harvester: [
        service(),
        ipPool("theirs", { status: { allocated: { "10.50.0.10": HOLDER, "10.50.0.11": "x/y" } } }),
      ],
    });
    await stage.settle();
    const pool: Loose = stage.deps.harvesterApi.peek(ipPools, { name: "theirs" });
    expect(pool.status.allocated).toEqual({ "10.50.0.11": "x/y" });
    expect(isFreed(stage)).toBe(true);
  });

  test("takes both finalizers off, also the one of early releases of the Go provider [check 97]", async () => {
    const legacy = "harvester.infrastructure.cluster.x-k8s.io";
    const stage = stageOf({ metadata: metadata({ finalizers: [legacy, finalizer] }) });
    await stage.settle();
    expect(stage.own()).toBeUndefined();
  });

  test("waits for machines, and destroys nothing while there are any", async () => {
    const machine = harvesterMachine("m-0");
    const stage = stageOf({ management: [machine] });
    expect(await waitsFor(stage)).toEqual(["True/WaitingForMachines", "machines are still there: m-0"]);
    expect(left(stage)).toEqual(untouched);
    stage.deps.management.drop(harvesterMachines, { namespace: "demo", name: "m-0" });
    await stage.settle();
    expect(isFreed(stage)).toBe(true);
  });

  test("does not trust an index that has not heard of a machine yet", async () => {
    const stage = stageOf();
    const old = await stage.world.snapshot(clusterDelete);
    stage.deps.management.put(harvesterMachine("m-0"));
    const outcome = await stage.world.run(clusterDelete, ["demo"], { lookup: old });
    expect(outcome["demo"]).toMatchObject({ kind: "waitFor", reason: "machine m-0 is still there" });
    expect(left(stage)).toEqual(untouched);
  });

  test("waits until Harvester has taken the LoadBalancer away", async () => {
    const stage = stageOf({
      harvester: [{ ...balancer(), metadata: { ...inTarget, labels, finalizers: ["harvester"] } }, service()],
    });
    await stage.settle();
    expect((await waitsFor(stage))[0]).toBe("True/WaitingForLoadBalancerDeletion");
    expect(stage.service()).toBeDefined();
    stage.deps.harvesterApi.drop(loadBalancers, inTarget);
    await stage.settle();
    expect(isFreed(stage)).toBe(true);
  });

  test("gives back addresses of its own pool that machines left behind, and then deletes the pool", async () => {
    const pool = ipPool("demo-demo-vm-ippool", {
      metadata: { labels },
      status: { allocated: { "10.50.0.12": "demo/gone/uid", "10.50.0.13": "demo/lost" } },
    });
    const stage = stageOf({ harvester: [pool] });
    await stage.settle();
    expect(left(stage).pools).toEqual([]);
    expect(isFreed(stage)).toBe(true);
  });

  test.each([
    ["another namespace's machine", "elsewhere/m-9/uid"],
    ["a machine whose VM still runs", "demo/m-1/uid"],
    ["who knows", "by hand"],
  ])("waits while its own pool gives an address to %s, and says so", async (_who, holder) => {
    const pool = ipPool("demo-demo-vm-ippool", {
      metadata: { labels },
      status: { allocated: { "10.50.0.12": holder } },
    });
    const stage = stageOf({ harvester: [pool, virtualMachine("m-1")] });
    await stage.settle();
    expect(stage.condition("Deleting")).toBe("True/WaitingForIPPoolRelease");
    expect(stage.message("Deleting")).toContain(`addresses are held by ${holder}`);
    expect(isFreed(stage)).toBe(false);
    stage.deps.harvesterApi.put(ipPool("demo-demo-vm-ippool", { metadata: { labels } }));
    await stage.settle();
    expect(isFreed(stage)).toBe(true);
  });
});

describe("what is not ours", () => {
  test("is left where it is: another cluster's, a person's, pools nobody made for us", async () => {
    const stage = stageOf({
      harvester: [
        service({ "capfn.dev/owner-uid": "another" }),
        balancer({ "capfn.dev/owner-uid": "another" }),
        ipPool("demo-demo-ippool", { status: { allocated: { "10.50.0.10": HOLDER } } }),
        ipPool("demo-demo-vm-ippool", { metadata: { labels: { "capfn.dev/owner-uid": "another" } } }),
        ipPool("theirs"),
      ],
    });
    await stage.settle();
    expect(left(stage)).toEqual(untouched);
    expect(isFreed(stage)).toBe(true);
  });

  test("but the Go provider's, which carries no label, goes with a cluster that was taken over [check 94]", async () => {
    const said = (type: string) => ({
      type,
      status: "True",
      reason: type,
      message: "",
      lastTransitionTime: "2025-01-01T00:00:00Z",
    });
    const stage = stageOf({
      status: { conditions: [said("CustomIPPoolCreated")] },
      harvester: [
        service({}),
        balancer({}),
        ipPool("demo-demo-ippool"),
        ipPool("demo-demo-vm-ippool"),
        ipPool("theirs"),
      ],
    });
    await stage.settle();
    expect(left(stage)).toEqual({
      service: false,
      balancer: false,
      pools: ["demo-demo-vm-ippool", "theirs"],
    });
    expect(isFreed(stage)).toBe(true);
  });
});

describe("a deletion that must not destroy anything", () => {
  test.each<[string, StageOptions, string]>([
    ["a paused Cluster", { cluster: cluster({ spec: { paused: true } }) }, "True/Paused"],
    [
      "an object that clusterctl moves",
      { metadata: metadata({ annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" } }) },
      "True/MovedAway",
    ],
    [
      "a Cluster that clusterctl moves",
      {
        cluster: cluster({
          metadata: { annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" } },
        }),
      },
      "True/MovedAway",
    ],
    [
      "what another system manages",
      { metadata: metadata({ annotations: { "cluster.x-k8s.io/managed-by": "x" } }) },
      "True/ExternallyManaged",
    ],
    [
      "a Cluster that is gone",
      { cluster: harvesterMachine("unrelated", { metadata: { labels: {} } }) },
      "True/ClusterMissing",
    ],
  ])("because of %s waits and says why", async (_what, options, condition) => {
    const stage = stageOf(options);
    expect((await waitsFor(stage))[0]).toBe(condition);
    expect(left(stage)).toEqual(untouched);
    expect(isFreed(stage)).toBe(false);
  });

  test("by a pause or a move that the index has not heard of", async () => {
    for (const harm of [
      cluster({ spec: { paused: true } }),
      cluster({ metadata: { annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" } } }),
    ]) {
      const stage = stageOf();
      const old = await stage.world.snapshot(clusterDelete);
      stage.deps.management.put(harm);
      expect((await stage.world.run(clusterDelete, ["demo"], { lookup: old }))["demo"]).toMatchObject({
        kind: "waitFor",
      });
      expect(left(stage)).toEqual(untouched);
    }
  });
});

describe("a Harvester that is gone, or the way to it", () => {
  const lost: StageOptions = {
    world: {
      hub: {
        [place.connection]: {
          state: "failed",
          reason: "SecretNotFound",
          message: "Secret demo/identity does not exist",
        },
      },
      down: ["harvester"],
    },
  };

  test("is waited for, with the cause in a condition; when it is back the deletion goes on [check 93]", async () => {
    const stage = stageOf(lost);
    expect(await waitsFor(stage)).toEqual([
      "True/HarvesterUnreachable",
      "what is left on Harvester is not known: Secret demo/identity does not exist",
    ]);
    expect(isFreed(stage)).toBe(false);
  });

  test("is not taken for an empty one when only the last that was heard of it is known", async () => {
    const stage = stageOf({ ...lost, harvester: [], world: { ...lost.world, down: [] } });
    expect((await waitsFor(stage))[0]).toBe("True/HarvesterUnreachable");
    expect(isFreed(stage)).toBe(false);
  });

  test("can be given up by annotation with a reason; an Event names what may be left there [check 93]", async () => {
    const given = (value: string) =>
      metadata({
        annotations: { ...metadata().annotations, "capfn.dev/abandon-external": value },
      });
    const blank = stageOf({ ...lost, metadata: given("  ") });
    expect((await waitsFor(blank))[0]).toBe("True/HarvesterUnreachable");
    const stage = stageOf({ ...lost, metadata: given("rack 3 was dismantled") });
    await stage.settle();
    expect(isFreed(stage)).toBe(true);
    expect(stage.deps.announced.map(({ event }) => event)).toContainEqual({
      type: "Warning",
      reason: "ExternalObjectsAbandoned",
      message: `given up without a look at Harvester (rack 3 was dismantled); may be left there: LoadBalancer and Service ${HOLDER}; an address held as ${HOLDER}`,
    });
    expect(stage.deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([]);
  });

  test("is not given up by that while the Cluster is paused, nor on an object that is not deleted", async () => {
    const annotations = { ...metadata().annotations, "capfn.dev/abandon-external": "gone" };
    const paused = stageOf({
      ...lost,
      cluster: cluster({ spec: { paused: true } }),
      metadata: metadata({ annotations }),
    });
    expect((await waitsFor(paused))[0]).toBe("True/Paused");
    const alive = stageOf({ metadata: { finalizers: [finalizer], annotations } });
    expect((await alive.world.evaluate(clusterDelete, "demo")).need).toBe(false);
  });
});

describe("a deletion that is interrupted at any request", () => {
  const story = async (harm?: { n: number; moment: "before" | "after" }) => {
    const stage = stageOf();
    if (harm !== undefined) stage.deps.failAt(harm.n, kubeError("unavailable"), harm.moment);
    try {
      await stage.settle();
    } catch {
      await stage.settle();
    }
    return { requests: stage.deps.requests.length, end: { left: left(stage), freed: isFreed(stage) } };
  };

  test("before it or after it ends the same", async () => {
    const plain = await story();
    expect(plain.end).toEqual({ left: { service: false, balancer: false, pools: ["theirs"] }, freed: true });
    for (let n = 0; n < plain.requests; n += 1) {
      for (const moment of ["before", "after"] as const) {
        expect({ n, moment, ...(await story({ n, moment })).end }).toEqual({ n, moment, ...plain.end });
      }
    }
  });
});

test("a cluster made and deleted without a machine leaves nothing [check 95]", async () => {
  const stage = clusterStage([lbProvision, clusterDelete], {
    spec: { loadBalancerConfig: { ipamType: "pool", ipPoolRef: "lbs" } },
    harvester: [ipPool("lbs")],
  });
  await stage.settle();
  expect(stage.service()).toBeDefined();
  const own = stage.own();
  stage.deps.management.put({
    ...own,
    metadata: { ...own.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
  });
  await stage.settle();
  expect(stage.own()).toBeUndefined();
  expect(stage.deps.harvesterApi.peek(services, inTarget)).toBeUndefined();
  expect((stage.deps.harvesterApi.peek(ipPools, { name: "lbs" }) as Loose).status.allocated).toEqual({});
});
