import { describe, expect, test } from "vitest";
import {
  harvesterClusters,
  harvesterMachines,
  ipPools,
  loadBalancers,
  persistentVolumeClaims,
  secrets,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { deleting, disk, place, secret } from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { everyNeed, rest } from "./every-need.ts";
import {
  currentFinalizer,
  goCluster,
  goMachine,
  goPool,
  goVm,
  harvesterItself,
  instance,
  legacyFinalizer,
  node,
  servingStatus,
} from "./go-provider-objects.ts";

// Read field by field.
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;

const at = (name: string) => ({ namespace: place.target, name });

interface Setup {
  readonly machine?: object;
  readonly harvester?: readonly object[];
}

function setUp({
  machine = goMachine(),
  harvester = [goVm(), instance("10.50.0.11"), goPool()],
}: Setup = {}) {
  return fakeDeps({
    management: [...goCluster(), machine],
    harvester: [
      ...harvesterItself(),
      secret("m-0-cloud-init"),
      disk("m-0-disk-0-zvu5b"),
      disk("m-0-etcd-disk-0-zvu5b"),
      ...harvester,
    ],
    workload: [node()],
  });
}

const own = (deps: FakeDeps): Loose =>
  deps.management.peek(harvesterMachines, { namespace: "demo", name: "m-0" });
const pool = (deps: FakeDeps): Loose => deps.harvesterApi.peek(ipPools, { name: "demo-vms" })?.["status"];

/** Everything on Harvester and in the workload cluster, to see that nothing was touched. */
const outside = (deps: FakeDeps) => deps.summary().filter((request) => !request.startsWith("management"));

describe("a machine the Go provider made", () => {
  test("is taken over with one write of its status; VM, Node and pool are not touched [check 104] [check 105]", async () => {
    const deps = setUp();
    await rest(deps);
    expect(deps.summary()).toEqual([
      // The mark by which the cluster is known on Harvester, and our finalizer.
      "management mergePatch harvesterclusters demo/demo",
      // What is new in the status, by each function that says it.
      "management mergePatch harvesterclusters/status demo/demo",
      "management mergePatch harvesterclusters/status demo/demo",
      "management mergePatch harvesterclusters/status demo/demo",
      "management mergePatch harvesterclusters/status demo/demo",
      "management mergePatch harvestermachines/status demo/m-0",
    ]);
    expect(own(deps).spec).toMatchObject({ providerID: "harvester://vm-uid" });
    expect(own(deps).metadata.annotations).not.toHaveProperty("capfn.dev/identity");
    expect(own(deps).status).toMatchObject({
      ready: true,
      initialization: { provisioned: true },
      allocatedIPAddress: "10.50.0.11",
      allocatedPoolRef: "demo-vms",
    });
    expect(own(deps).status.addresses).toContainEqual({ type: "ExternalIP", address: "10.50.0.11" });
    expect(await everyNeed(deps)).toEqual({});
  });

  test("keeps its cluster ready and provisioned, and says of each part how it stands [check 104]", async () => {
    const deps = setUp();
    await rest(deps);
    const cluster: Loose = deps.management.peek(harvesterClusters, { namespace: "demo", name: "demo" });
    expect(cluster.status).toMatchObject({ ready: true, initialization: { provisioned: true } });
    expect(cluster.status.conditions.map(({ type, status }: Loose) => `${type}=${status}`)).toEqual([
      "HarvesterConnectionReady=True",
      "TargetNamespaceReady=True",
      "LoadBalancerReady=True",
      "InfrastructureReady=True",
      "Paused=False",
      "Ready=True",
      "VMIPPoolReady=True",
      "CloudProviderConfigReady=True",
      "FleetIntegrationReady=True",
    ]);
  });

  test("keeps its load balancer and its endpoint; the load balancer is marked as the cluster's, nothing else is written on Harvester [check 105]", async () => {
    const name = "demo-demo-lb";
    const metadata = { namespace: place.target, name };
    const address = "10.60.0.2";
    const balancer = {
      apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
      kind: "LoadBalancer",
      metadata,
      spec: {
        backendServerSelector: { "harvestercluster/machinetype": ["controlplane-demo"] },
        description: "Load Balancer for cluster demo",
        healthCheck: {
          failureThreshold: 3,
          periodSeconds: 30,
          port: 6443,
          successThreshold: 1,
          timeoutSeconds: 60,
        },
        ipam: "dhcp",
        listeners: [{ backendPort: 6443, name: "api-server", port: 6443, protocol: "TCP" }],
        workloadType: "vm",
      },
      status: { address, allocatedAddress: {}, conditions: [{ status: "True", type: "Ready" }] },
    };
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { ...metadata, labels: { "loadbalancer.harvesterhci.io/servicelb": "true" } },
      spec: { type: "LoadBalancer", loadBalancerIP: "0.0.0.0" },
      status: { loadBalancer: { ingress: [{ ip: address, ipMode: "VIP" }] } },
    };
    const controlPlane = { "cluster.x-k8s.io/cluster-name": "demo", "cluster.x-k8s.io/control-plane": "" };
    const deps = setUp({
      machine: goMachine({ metadata: { labels: controlPlane } }),
      harvester: [
        goVm({ labels: { "harvestercluster/machinetype": "controlplane-demo" } }),
        instance("10.50.0.11"),
        goPool(),
        balancer,
        service,
      ],
    });
    await rest(deps);
    expect(outside(deps)).toEqual([`harvester mergePatch loadbalancers ${place.target}/${name}`]);
    const after: Loose = deps.harvesterApi.peek(loadBalancers, metadata);
    expect(after).toMatchObject({
      spec: balancer.spec,
      metadata: { labels: { "capfn.dev/owner-name": "demo" } },
    });
    const cluster: Loose = deps.management.peek(harvesterClusters, { namespace: "demo", name: "demo" });
    expect(cluster.spec.controlPlaneEndpoint).toEqual({ host: address, port: 6443 });
    expect(await everyNeed(deps)).toEqual({});
  });

  test.each([
    ["of an early release", [legacyFinalizer]],
    ["of both releases", [legacyFinalizer, currentFinalizer]],
    ["that a restore has lost", []],
  ])(
    "with the finalizer %s gets the current one, before anything else [check 52] [check 104]",
    async (_, finalizers) => {
      const deps = setUp({
        machine: goMachine({ metadata: { finalizers: ["example.com/hold", ...finalizers] } }),
      });
      await rest(deps);
      expect(own(deps).metadata.finalizers).toEqual(["example.com/hold", currentFinalizer]);
      expect(deps.summary().filter((request) => request.includes("harvestermachines"))).toEqual([
        "management mergePatch harvestermachines demo/m-0",
        "management mergePatch harvestermachines/status demo/m-0",
      ]);
      expect(outside(deps)).toEqual([]);
      expect(await everyNeed(deps)).toEqual({});
    },
  );

  test("that boots without an address yet is not created again, and is provisioned when the address comes [check 104]", async () => {
    const { ready: _, initialization: __, addresses: ___, ...booting } = servingStatus;
    const deps = setUp({
      machine: goMachine({ spec: { providerID: undefined }, status: booting }),
      harvester: [goVm(), goPool()],
    });
    deps.workloadApi.drop(
      { group: "", version: "v1", kind: "Node", plural: "nodes", namespaced: false },
      { name: "m-0" },
    );
    await rest(deps);
    expect(own(deps).spec.providerID).toBe("harvester://vm-uid");
    expect(own(deps).status.initialization).toBeUndefined();
    deps.harvesterApi.put(instance());
    await rest(deps);
    // Its static address is known, whether the guest agent reports or not.
    expect(own(deps).status).toMatchObject({ ready: true, initialization: { provisioned: true } });
    expect(outside(deps)).toEqual([]);
  });

  test("finds VM and address again after a move that lost its status [check 85]", async () => {
    const deps = setUp({ machine: goMachine({ metadata: { uid: "moved" }, status: {} }) });
    await rest(deps);
    expect(own(deps).status).toMatchObject({
      ready: true,
      initialization: { provisioned: true },
      allocatedIPAddress: "10.50.0.11",
      allocatedPoolRef: "demo-vms",
    });
    expect(outside(deps)).toEqual([]);
    expect(await everyNeed(deps)).toEqual({});
  });

  test("takes no address for its own that its VM does not use, whatever the pool's ids say [check 88]", async () => {
    const deps = setUp({
      machine: goMachine({ metadata: { uid: "moved" }, status: {} }),
      harvester: [goVm(), instance("10.50.0.11"), goPool({ "10.50.0.12": "demo/m-0" })],
    });
    await rest(deps);
    expect(own(deps).status.allocatedIPAddress).toBeUndefined();
  });

  test.each([
    ["current", currentFinalizer],
    ["legacy", legacyFinalizer],
  ])(
    "held by the %s finalizer is deleted with all it had, and only that [check 97] [check 104] [check 105]",
    async (_, finalizer) => {
      const deps = setUp({
        machine: goMachine({ metadata: deleting("m-0", { annotations: {}, finalizers: [finalizer] }) }),
      });
      await rest(deps);
      expect(pool(deps).allocated).toEqual({ "10.50.0.11": "demo/m-0" });
      deps.harvesterApi.drop(virtualMachineInstances, at("m-0"));
      deps.harvesterApi.drop(virtualMachines, at("m-0"));
      await rest(deps);
      await rest(deps);
      expect(own(deps)).toBeUndefined();
      expect(pool(deps)).toMatchObject({ allocated: {}, available: 3 });
      expect(deps.harvesterApi.peek(secrets, at("m-0-cloud-init"))).toBeUndefined();
      expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-disk-0-zvu5b"))).toBeUndefined();
      expect(deps.harvesterApi.peek(persistentVolumeClaims, at("m-0-etcd-disk-0-zvu5b"))).toBeDefined();
    },
  );

  test("whose address the Go provider has given away gives back nothing [check 88] [check 105]", async () => {
    const deps = setUp({
      machine: goMachine({ metadata: deleting("m-0", { annotations: {} }) }),
      harvester: [goPool({ "10.50.0.11": "demo/m-1" })],
    });
    await rest(deps);
    expect(own(deps)).toBeUndefined();
    expect(pool(deps).allocated).toEqual({ "10.50.0.11": "demo/m-1" });
  });
});
