import { describe, expect, test } from "vitest";
import { lbProvision } from "#functions/harvester/lb-provision/function.ts";
import { loadBalancers } from "#platform/kube/resources.ts";
import { ipPool, place } from "#test/support/cluster-objects.ts";
import { clusterStage, IDENTITY, LB, type Loose, type StageOptions } from "../cluster-stage.ts";

const stageOf = (options: StageOptions = {}) => clusterStage([lbProvision], options);
const inTarget = { namespace: place.target, name: LB };
const fromPool = (over: object = {}) => ({
  spec: { loadBalancerConfig: { ipamType: "pool", ipPoolRef: "lbs", ...over } },
});

/** Up to an endpoint from the placeholder. */
async function reserved(options: StageOptions = {}) {
  const stage = stageOf(options);
  await stage.settle();
  const asked = stage.service().spec.loadBalancerIP;
  stage.giveServiceAddress(asked === "0.0.0.0" ? "10.60.0.9" : asked);
  await stage.settle();
  return stage;
}

/** Up to a LoadBalancer that serves. */
async function serving(options: StageOptions = {}) {
  const stage = await reserved(options);
  stage.addControlPlane();
  await stage.settle();
  stage.giveBalancerAddress(stage.own().spec.controlPlaneEndpoint.host);
  await stage.settle();
  return stage;
}

async function atRest(stage: ReturnType<typeof stageOf>) {
  const { need } = await stage.world.evaluate(lbProvision, "demo");
  return need === false;
}

describe("with the first VM of the control plane", () => {
  test("the LoadBalancer is made, as Harvester wants it [check 34] [check 35]", async () => {
    const stage = await serving({
      spec: {
        loadBalancerConfig: {
          ipamType: "dhcp",
          description: "API of demo",
          listeners: [{ name: "rke2-join", port: 9345, protocol: "TCP", backendPort: 9345 }],
        },
      },
    });
    expect(stage.balancer()).toMatchObject({
      apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
      metadata: { labels: { "capfn.dev/owner-uid": IDENTITY } },
      spec: {
        description: "API of demo",
        workloadType: "vm",
        ipam: "dhcp",
        listeners: [
          { name: "rke2-join", port: 9345, protocol: "TCP", backendPort: 9345 },
          { name: "api-server", port: 6443, protocol: "TCP", backendPort: 6443 },
        ],
        healthCheck: {
          port: 6443,
          successThreshold: 1,
          failureThreshold: 3,
          periodSeconds: 30,
          timeoutSeconds: 60,
        },
        backendServerSelector: {
          "harvestercluster/machinetype": ["controlplane-demo"],
          "capfn.dev/owner-namespace": ["demo"],
        },
      },
    });
    expect(stage.condition("LoadBalancerReady")).toBe("True/LoadBalancerReady");
    expect(stage.condition("InfrastructureReady")).toBe("True/InfrastructureReady");
    expect(await atRest(stage)).toBe(true);
  });

  test("the description says whose it is when the spec gives none [check 38]", async () => {
    expect((await serving()).balancer().spec.description).toBe("Load Balancer for cluster demo");
  });

  test("a worker's VM makes none, nor does a machine of another namespace's Cluster of the same name", async () => {
    const stage = await reserved();
    stage.addControlPlane();
    const { deps } = stage;
    const own: Loose = deps.management.peek(
      {
        group: "infrastructure.cluster.x-k8s.io",
        version: "v1beta1",
        kind: "HarvesterMachine",
        plural: "harvestermachines",
        namespaced: true,
      },
      { namespace: "demo", name: "cp-0" },
    );
    deps.management.drop(
      {
        group: "infrastructure.cluster.x-k8s.io",
        version: "v1beta1",
        kind: "HarvesterMachine",
        plural: "harvestermachines",
        namespaced: true,
      },
      { namespace: "demo", name: "cp-0" },
    );
    deps.management.put({ ...own, metadata: { ...own.metadata, namespace: "elsewhere", uid: "other" } });
    await stage.settle();
    expect(stage.balancer()).toBeUndefined();
  });

  test("in a pool it names the pool of its reservation", async () => {
    const stage = await serving({ ...fromPool(), harvester: [ipPool("lbs")] });
    expect(stage.balancer().spec).toMatchObject({ ipam: "pool", ipPool: "lbs" });
  });

  test.each<[string, object, RegExp]>([
    [
      "two listeners of one name",
      [
        ["a", 80],
        ["a", 81],
      ],
      /listeners\[1\]: name a is taken by listeners\[0\]/,
    ],
    [
      "the API server's port",
      [["a", 6443]],
      /listeners\[0\]: port TCP 6443 is taken by the listener of the API server/,
    ],
    ["no port", [["a", 70_000]], /70000 is no port/],
  ])("listeners with %s are refused before Harvester does [check 37]", async (_what, listeners, message) => {
    const stage = stageOf({
      spec: {
        loadBalancerConfig: {
          ipamType: "dhcp",
          listeners: (listeners as [string, number][]).map(([name, port]) => ({
            name,
            port,
            protocol: "TCP",
            backendPort: port,
          })),
        },
      },
    });
    await stage.settle();
    expect(stage.message("LoadBalancerReady")).toMatch(message);
    expect(stage.service()).toBeUndefined();
  });
});

describe("a LoadBalancer that serves", () => {
  const edit = (stage: Loose, spec: object) =>
    stage.deps.management.put({ ...stage.own(), spec: { ...stage.own().spec, ...spec } });

  test("follows the listeners and the description of the spec [check 37] [check 38]", async () => {
    const stage = await serving();
    edit(stage, {
      loadBalancerConfig: {
        ipamType: "dhcp",
        description: "new",
        listeners: [{ name: "x", port: 80, protocol: "UDP", backendPort: 8080 }],
      },
    });
    await stage.settle();
    expect(stage.balancer().spec).toMatchObject({
      description: "new",
      listeners: [{ name: "x", port: 80, protocol: "UDP", backendPort: 8080 }, { name: "api-server" }],
    });
    expect(await atRest(stage)).toBe(true);
  });

  test("is repaired when somebody changes it [check 37]", async () => {
    const stage = await serving();
    const before = stage.balancer().spec;
    stage.deps.harvesterApi.put({
      ...stage.balancer(),
      spec: { ...before, listeners: [], healthCheck: { port: 1 }, backendServerSelector: { app: ["other"] } },
    });
    await stage.settle();
    expect(stage.balancer().spec).toEqual(before);
  });

  test("is made again when somebody deletes it, without moving the endpoint [check 37]", async () => {
    const stage = await serving();
    stage.deps.harvesterApi.drop(loadBalancers, inTarget);
    await stage.settle();
    expect(stage.balancer()).toBeDefined();
    stage.giveBalancerAddress("10.60.0.200");
    await stage.settle();
    expect(stage.condition("LoadBalancerReady")).toBe("False/LoadBalancerAddressChanged");
    expect(stage.own().spec.controlPlaneEndpoint.host).toBe("10.60.0.9");
  });

  test("keeps its address when the spec turns to another pool, and says what to do", async () => {
    const stage = await serving();
    edit(stage, { loadBalancerConfig: { ipamType: "pool", ipPoolRef: "lbs" } });
    stage.deps.harvesterApi.put(ipPool("lbs"));
    await stage.settle();
    expect(stage.balancer().spec.ipam).toBe("dhcp");
    expect(stage.message("LoadBalancerReady")).toMatch(
      /takes its address from dhcp.*delete the LoadBalancer/,
    );
  });

  test("does not miss VMs of the Go provider: what they lack is not selected by, until they are gone", async () => {
    const stage = await reserved();
    stage.addControlPlane("cp-0", { "harvestercluster/machinetype": "controlplane-demo" });
    stage.addControlPlane("cp-1");
    await stage.settle();
    expect(stage.balancer().spec.backendServerSelector).toEqual({
      "harvestercluster/machinetype": ["controlplane-demo"],
    });
    stage.addControlPlane("cp-0");
    await stage.settle();
    expect(stage.balancer().spec.backendServerSelector).toHaveProperty(["capfn.dev/owner-namespace"]);
  });
});
