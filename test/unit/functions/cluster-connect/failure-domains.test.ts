import { describe, expect, test } from "vitest";
import { clusterConnect } from "#functions/harvester/cluster-connect/function.ts";
import { harvesterClusters, nodes } from "#platform/kube/resources.ts";
import { cluster, harvesterCluster, place } from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";
import { harvesterItself } from "../go-provider-objects.ts";

type Json = Record<string, unknown>;

interface HostOptions {
  readonly labels?: Record<string, string>;
  readonly ready?: string;
  readonly cordoned?: boolean;
}

function host(name: string, zone?: string, { labels, ready = "True", cordoned }: HostOptions = {}): object {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        ...(zone !== undefined && { "topology.kubernetes.io/zone": zone }),
        ...labels,
      },
    },
    spec: cordoned === true ? { unschedulable: true } : {},
    status: { conditions: [{ type: "Ready", status: ready }] },
  };
}

function setUp(hosts: readonly object[], spec: Json = {}, unlisted: readonly string[] = []) {
  const deps = fakeDeps({
    management: [cluster(), harvesterCluster({ spec })],
    harvester: [...harvesterItself(), ...hosts],
  });
  const world = stepWorld(deps, place.namespace, {
    hub: { [place.connection]: { state: "connected", server: "https://harvester.example.com" } },
    unlisted,
  });
  return { deps, world };
}

const published = (deps: FakeDeps): unknown =>
  (deps.management.peek(harvesterClusters, { namespace: "demo", name: "demo" })!["status"] as Json)[
    "failureDomains"
  ] ?? undefined;

const zone = (name: string) => ({
  name,
  controlPlane: true,
  attributes: { topologyKey: "topology.kubernetes.io/zone" },
});
const single = (name: string) => ({
  name,
  controlPlane: true,
  attributes: { topologyKey: "kubernetes.io/hostname" },
});

async function domains(...setup: Parameters<typeof setUp>): Promise<unknown> {
  const { deps, world } = setUp(...setup);
  await world.settle([clusterConnect], ["demo"]);
  return published(deps);
}

describe("the failure domains of a HarvesterCluster", () => {
  test("are the zones, each once and in order, as the list of contract v1beta2 [check 45]", async () => {
    expect(await domains([host("h-1", "b"), host("h-2", "a"), host("h-3", "b")])).toEqual([
      zone("a"),
      zone("b"),
    ]);
  });

  test("are none when a host has no zone: nobody is tied to a host unasked [check 46]", async () => {
    expect(await domains([host("h-1", "a"), host("h-2")])).toBeUndefined();
  });

  test("are the hosts, by their label, when the spec asks for them and zones are missing [check 45] [check 46]", async () => {
    const odd = host("h-2", undefined, { labels: { "kubernetes.io/hostname": "h-2.rack" } });
    expect(await domains([odd, host("h-1", "a")], { failureDomainSource: "ZonesOrHosts" })).toEqual([
      single("h-1"),
      single("h-2.rack"),
    ]);
  });

  test.each<[string, HostOptions]>([
    ["cordoned", { cordoned: true }],
    ["not Ready", { ready: "False" }],
    ["silent", { ready: "Unknown" }],
    ["a witness", { labels: { "node-role.harvesterhci.io/witness": "true" } }],
  ])("leave a host out that is %s, and do not need its zone [check 46]", async (_what, options) => {
    const well = [host("h-1", "a"), host("h-2", "b")];
    expect(await domains([...well, host("h-3", "c", options)])).toEqual([zone("a"), zone("b")]);
    expect(await domains([...well, host("h-3", undefined, options)])).toEqual([zone("a"), zone("b")]);
    const asked = { failureDomainSource: "ZonesOrHosts" };
    expect(await domains([host("h-1"), host("h-3", undefined, options)], asked)).toEqual([single("h-1")]);
  });

  test("stay as they are while the hosts cannot be listed [check 45]", async () => {
    const first = setUp([host("h-1", "a")]);
    await first.world.settle([clusterConnect], ["demo"]);
    const again = setUp([], {}, ["nodes"]);
    again.deps.management.put(
      first.deps.management.peek(harvesterClusters, { namespace: "demo", name: "demo" })!,
    );
    await again.world.run(clusterConnect, ["demo"]);
    expect(published(again.deps)).toEqual([zone("a")]);
    expect((await again.world.evaluate(clusterConnect, "demo")).need).toBe(false);
  });

  test("follow a host that is cordoned, and are left alone by one that only says it is well", async () => {
    const { deps, world } = setUp([host("h-1", "a"), host("h-2", "b")]);
    await world.settle([clusterConnect], ["demo"]);
    const alive = deps.harvesterApi.peek(nodes, { name: "h-1" })!;
    deps.harvesterApi.put({
      ...alive,
      status: { conditions: [{ type: "Ready", status: "True", lastHeartbeatTime: "x" }] },
    });
    expect((await world.evaluate(clusterConnect, "demo")).need).toBe(false);
    deps.harvesterApi.put(host("h-2", "b", { cordoned: true }));
    await world.settle([clusterConnect], ["demo"]);
    expect(published(deps)).toEqual([zone("a")]);
    deps.harvesterApi.put(host("h-1", "a", { cordoned: true }));
    await world.settle([clusterConnect], ["demo"]);
    expect(published(deps)).toBeUndefined();
    expect((await world.evaluate(clusterConnect, "demo")).need).toBe(false);
  });
});

describe("the hold on a HarvesterCluster", () => {
  const held = (deps: FakeDeps) =>
    deps.management.peek(harvesterClusters, { namespace: "demo", name: "demo" })!.metadata;

  test("is there before anything is made on Harvester, together with the identity", async () => {
    const { deps, world } = setUp([]);
    deps.harvesterApi.drop(
      { group: "", version: "v1", kind: "Namespace", plural: "namespaces", namespaced: false },
      { name: place.target },
    );
    await world.run(clusterConnect, ["demo"]);
    expect(deps.summary()).toEqual([
      "management mergePatch harvesterclusters demo/demo",
      `harvester create namespaces ${place.target}`,
      "management mergePatch harvesterclusters/status demo/demo",
    ]);
    expect(held(deps).finalizers).toEqual(["harvester.infrastructure.cluster.x-k8s.io/finalizer"]);
    expect(held(deps).annotations).toEqual({ "capfn.dev/identity": "uid-HarvesterCluster-demo" });
  });

  test("takes the place of that of early releases of the Go provider, keeps others and the identity", async () => {
    const { deps, world } = setUp([]);
    const own = held(deps);
    deps.management.put(
      harvesterCluster({
        metadata: {
          uid: own.uid,
          finalizers: ["harvester.infrastructure.cluster.x-k8s.io", "other"],
          annotations: { "capfn.dev/identity": "the-first-uid" },
        },
      }),
    );
    await world.run(clusterConnect, ["demo"]);
    expect(held(deps).finalizers).toEqual(["other", "harvester.infrastructure.cluster.x-k8s.io/finalizer"]);
    expect(held(deps).annotations).toEqual({ "capfn.dev/identity": "the-first-uid" });
  });
});
