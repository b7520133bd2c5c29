import { describe, expect, test } from "vitest";
import { lbProvision } from "#functions/harvester/lb-provision/function.ts";
import { ipPools, services } from "#platform/kube/resources.ts";
import { cluster, ipPool, place } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { clusterStage, IDENTITY, LB, type Loose, type StageOptions } from "../cluster-stage.ts";

const stageOf = (options: StageOptions = {}) => clusterStage([lbProvision], options);
const inTarget = { namespace: place.target, name: LB };
const fromPool = (over: object = {}) => ({
  spec: { loadBalancerConfig: { ipamType: "pool", ipPoolRef: "lbs", ...over } },
});
const HOLDER = `${place.target}/${LB}`;

/** Up to an endpoint from the placeholder. */
async function reserved(options: StageOptions = {}) {
  const stage = stageOf(options);
  await stage.settle();
  const asked = stage.service().spec.loadBalancerIP;
  stage.giveServiceAddress(asked === "0.0.0.0" ? "10.60.0.9" : asked);
  await stage.settle();
  return stage;
}

async function atRest(stage: ReturnType<typeof stageOf>) {
  const { need } = await stage.world.evaluate(lbProvision, "demo");
  return need === false;
}

describe("before there is a control plane", () => {
  test("a Service holds an address, made once, after our finalizer [check 28] [check 33]", async () => {
    const stage = stageOf();
    await stage.settle();
    expect(stage.service()).toMatchObject({
      metadata: {
        labels: {
          "loadbalancer.harvesterhci.io/servicelb": "true",
          "capfn.dev/owner-uid": IDENTITY,
          "capfn.dev/owner-name": "demo",
          "capfn.dev/owner-namespace": "demo",
        },
      },
      spec: {
        type: "LoadBalancer",
        loadBalancerIP: "0.0.0.0",
        ipFamilies: ["IPv4"],
        allocateLoadBalancerNodePorts: true,
        ports: [{ name: "api-server", port: 6443, protocol: "TCP", targetPort: 6443 }],
      },
    });
    expect(stage.service().spec).not.toHaveProperty("selector");
    const requests = stage.deps.summary();
    expect(requests.indexOf("management mergePatch harvesterclusters demo/demo")).toBeLessThan(
      requests.indexOf(`harvester create services ${HOLDER}`),
    );
    await stage.settle();
    expect(stage.deps.summary().filter((request) => request.includes("create services"))).toHaveLength(1);
    expect(stage.balancer()).toBeUndefined();
  });

  test("its address becomes the endpoint, and the infrastructure is ready and provisioned [check 29]", async () => {
    const stage = await reserved();
    expect(stage.own()).toMatchObject({
      metadata: { annotations: { "capfn.dev/control-plane-endpoint": "load-balancer" } },
      spec: { controlPlaneEndpoint: { host: "10.60.0.9", port: 6443 } },
      status: { ready: true, initialization: { provisioned: true } },
    });
    expect(stage.condition("LoadBalancerReady")).toBe("False/LoadBalancerNoBackendMachine");
    expect(stage.condition("InfrastructureReady")).toBe("True/InfrastructureReady");
    expect(stage.condition("Ready")).toBe("True/Ready");
    expect(await atRest(stage)).toBe(true);
  });

  test("an endpoint 0.0.0.0 of a ClusterClass counts as none", async () => {
    const stage = stageOf({ spec: { controlPlaneEndpoint: { host: "0.0.0.0", port: 6443 } } });
    await stage.settle();
    stage.giveServiceAddress("0.0.0.0");
    await stage.settle();
    expect(stage.own().spec.controlPlaneEndpoint.host).toBe("0.0.0.0");
    stage.giveServiceAddress("10.60.0.9");
    await stage.settle();
    expect(stage.own().spec.controlPlaneEndpoint).toEqual({ host: "10.60.0.9", port: 6443 });
  });

  test.each<[string, (stage: Loose) => void]>([
    ["deleted", ({ deps }) => deps.harvesterApi.drop(services, inTarget)],
    [
      "changed by hand",
      ({ deps, service }) =>
        deps.harvesterApi.put({
          ...service(),
          spec: { type: "ClusterIP", loadBalancerIP: "10.1.1.1", ports: [{ name: "x", port: 1 }] },
        }),
    ],
    [
      "stripped of its labels",
      ({ deps, service }) =>
        deps.harvesterApi.put({
          ...service(),
          metadata: { ...service().metadata, labels: { "loadbalancer.harvesterhci.io/servicelb": "true" } },
        }),
    ],
  ])("a Service that was %s is repaired [check 37]", async (_what, harm) => {
    const stage = await reserved();
    harm(stage);
    await stage.settle();
    expect(stage.service()).toMatchObject({
      metadata: { labels: { "capfn.dev/owner-uid": IDENTITY } },
      spec: {
        type: "LoadBalancer",
        loadBalancerIP: "0.0.0.0",
        ports: [{ name: "api-server", port: 6443, protocol: "TCP", targetPort: 6443 }],
      },
    });
  });

  test("an address that has changed is told and moves nothing", async () => {
    const stage = await reserved();
    stage.giveServiceAddress("10.60.0.77");
    await stage.settle();
    expect(stage.own().spec.controlPlaneEndpoint.host).toBe("10.60.0.9");
    expect(stage.condition("LoadBalancerReady")).toBe("False/LoadBalancerAddressChanged");
    expect(stage.message("LoadBalancerReady")).toMatch(/has address 10.60.0.77.*names 10.60.0.9/);
    expect(stage.condition("Ready")).toBe("False/NotReady");
    stage.giveServiceAddress("10.60.0.9");
    await stage.settle();
    expect(stage.condition("Ready")).toBe("True/Ready");
  });
});

describe("an endpoint that somebody else has set", () => {
  test("is left alone, without anything made on Harvester", async () => {
    const stage = stageOf({ spec: { controlPlaneEndpoint: { host: "api.example.com", port: 6443 } } });
    stage.addControlPlane();
    await stage.settle();
    expect(stage.service()).toBeUndefined();
    expect(stage.balancer()).toBeUndefined();
    expect(stage.condition("LoadBalancerReady")).toBeUndefined();
    expect(stage.own().status.ready).toBe(true);
  });
});

describe("with an address from a pool", () => {
  const pooled = (over: object = {}, pool: object = ipPool("lbs")): StageOptions => ({
    ...fromPool(over),
    harvester: [pool],
  });

  test("one is reserved under the load balancer's id and asked for by the Service [check 30]", async () => {
    const stage = await reserved(pooled());
    const pool: Loose = stage.deps.harvesterApi.peek(ipPools, { name: "lbs" });
    expect(pool.status.allocated).toEqual({ "10.50.0.10": HOLDER });
    expect(stage.service().spec.loadBalancerIP).toBe("10.50.0.10");
    expect(stage.own().spec.controlPlaneEndpoint.host).toBe("10.50.0.10");
    expect(await atRest(stage)).toBe(true);
  });

  test("a pool whose counters are not there yet, or wrong, serves all the same [check 31] [check 33]", async () => {
    const stage = await reserved(pooled({}, ipPool("lbs", { status: { available: 0, total: 0 } })));
    expect(stage.own().spec.controlPlaneEndpoint.host).toBe("10.50.0.10");
  });

  test("of two writers of the pool none loses: the step looks again and takes the next address [check 33]", async () => {
    const stage = stageOf(pooled());
    stage.deps.harvesterApi.beforeNextWrite(() =>
      stage.deps.harvesterApi.put(ipPool("lbs", { status: { allocated: { "10.50.0.10": "x/y" } } })),
    );
    await stage.settle();
    expect((stage.deps.harvesterApi.peek(ipPools, { name: "lbs" }) as Loose).status.allocated).toEqual({
      "10.50.0.10": "x/y",
      "10.50.0.11": HOLDER,
    });
  });

  test("the address its namesake held once is taken by who has it now; another one does [check 33]", async () => {
    const status = {
      allocated: { "10.50.0.10": "other/vm" },
      allocatedHistory: { "10.50.0.10": HOLDER },
    };
    const stage = await reserved(pooled({}, ipPool("lbs", { status })));
    expect(stage.own().spec.controlPlaneEndpoint.host).toBe("10.50.0.11");
  });

  test("an exhausted pool is told, and the first address that comes free is taken [check 32]", async () => {
    const full = { rangeStart: "10.50.0.10", rangeEnd: "10.50.0.10" };
    const stage = stageOf(
      pooled({}, ipPool("lbs", { range: full, status: { allocated: { "10.50.0.10": "other/vm" } } })),
    );
    await stage.settle();
    expect(stage.condition("LoadBalancerReady")).toBe("False/LoadBalancerPoolExhausted");
    expect(stage.message("InfrastructureReady")).toMatch(/IPPool lbs has no free address/);
    expect(await atRest(stage)).toBe(true);
    expect(stage.service()).toBeUndefined();
    stage.deps.harvesterApi.put(ipPool("lbs", { range: full }));
    await stage.settle();
    expect(stage.service().spec.loadBalancerIP).toBe("10.50.0.10");
  });

  test.each<[string, StageOptions, RegExp]>([
    ["that does not exist", fromPool(), /IPPool lbs does not exist/],
    ["that nobody names", fromPool({ ipPoolRef: undefined }), /no pool is given; set ipPoolRef or ipPool/],
    [
      "whose ranges are nonsense",
      pooled({}, ipPool("lbs", { range: { subnet: "nonsense" } })),
      /IPPool lbs is malformed: spec.ranges\[0\].subnet/,
    ],
  ])("a pool %s is told, and costs no request on Harvester [check 32]", async (_what, options, message) => {
    const stage = stageOf(options);
    await stage.settle();
    expect(stage.condition("LoadBalancerReady")).toBe("False/LoadBalancerNotReady");
    expect(stage.message("LoadBalancerReady")).toMatch(message);
    expect(stage.deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([]);
    expect(await atRest(stage)).toBe(true);
  });

  test("a lost reservation is taken back for the same address, which is asked for again [check 37]", async () => {
    const stage = await reserved(pooled());
    stage.deps.harvesterApi.put(ipPool("lbs", { status: { lastAllocated: "10.50.0.15" } }));
    stage.deps.harvesterApi.drop(services, inTarget);
    await stage.settle();
    expect((stage.deps.harvesterApi.peek(ipPools, { name: "lbs" }) as Loose).status.allocated).toEqual({
      "10.50.0.10": HOLDER,
    });
    expect(stage.service().spec.loadBalancerIP).toBe("10.50.0.10");
  });

  test("an address that meanwhile is another's is told, not taken", async () => {
    const stage = await reserved(pooled());
    stage.deps.harvesterApi.put(ipPool("lbs", { status: { allocated: { "10.50.0.10": "other/vm" } } }));
    await stage.settle();
    expect(stage.condition("LoadBalancerReady")).toBe("False/LoadBalancerAddressChanged");
    stage.deps.harvesterApi.put(
      ipPool("lbs", { range: { rangeStart: "10.50.0.30", rangeEnd: "10.50.0.31" } }),
    );
    await stage.settle();
    expect(stage.message("LoadBalancerReady")).toMatch(/is none of IPPool lbs/);
  });
});

describe("an object of the load balancer's name", () => {
  const service = (labels: Record<string, string>, ip?: string) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...inTarget, labels },
    spec: {
      type: "LoadBalancer",
      loadBalancerIP: "0.0.0.0",
      ports: [{ name: "api-server", port: 6443, protocol: "TCP", targetPort: 6443 }],
    },
    ...(ip !== undefined && { status: { loadBalancer: { ingress: [{ ip }] } } }),
  });

  test.each<[string, Record<string, string>]>([
    [
      "of another cluster",
      { "capfn.dev/owner-uid": "another", "loadbalancer.harvesterhci.io/servicelb": "true" },
    ],
    ["of a person", { app: "web" }],
  ])("%s is left alone and told", async (_whose, labels) => {
    const stage = stageOf({ harvester: [service(labels, "10.9.9.9")] });
    await stage.settle();
    expect(stage.condition("LoadBalancerReady")).toBe("False/LoadBalancerNameTaken");
    expect(stage.service().metadata.labels).toEqual(labels);
    expect(stage.own().spec).not.toHaveProperty("controlPlaneEndpoint");
    expect(await atRest(stage)).toBe(true);
  });

  test("that the Go provider left half way is taken over [check 36] [check 105]", async () => {
    const stage = stageOf({
      harvester: [service({ "loadbalancer.harvesterhci.io/servicelb": "true" }, "10.60.0.5")],
    });
    await stage.settle();
    expect(stage.own().spec.controlPlaneEndpoint).toEqual({ host: "10.60.0.5", port: 6443 });
    expect(stage.service().metadata.labels).toMatchObject({ "capfn.dev/owner-uid": IDENTITY });
  });
});

describe("nothing is done", () => {
  test.each<[string, StageOptions]>([
    ["for a paused Cluster [check 49]", { cluster: cluster({ spec: { paused: true } }) }],
    [
      "for what another system manages",
      { metadata: { annotations: { "cluster.x-k8s.io/managed-by": "x" } } },
    ],
    ["without an owner", { metadata: { ownerReferences: [] } }],
    ["before the target namespace is there", { world: { unlisted: ["namespaces"] } }],
  ])("%s", async (_what, options) => {
    const stage = stageOf(options);
    await stage.settle();
    expect(stage.deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([]);
  });

  test("that the identity may not do; it is told and asked for again later", async () => {
    const stage = stageOf();
    stage.deps.harvesterApi.failOn({ verb: "create", plural: "services" }, kubeError("forbidden"), {
      times: 99,
    });
    const outcomes = await stage.world.settle([lbProvision], ["demo"]);
    expect(outcomes).toEqual([]);
    await stage.settle();
    expect(stage.message("LoadBalancerReady")).toMatch(/has not the right.*grant it/);
  });
});

describe("a step that is interrupted at any request", () => {
  const story = async (harm?: { n: number; moment: "before" | "after" }) => {
    const stage = stageOf({ ...fromPool(), harvester: [ipPool("lbs")] });
    const patiently = async (): Promise<void> => {
      try {
        await stage.settle();
      } catch {
        await stage.settle();
      }
    };
    if (harm !== undefined) stage.deps.failAt(harm.n, kubeError("unavailable"), harm.moment);
    await patiently();
    stage.giveServiceAddress("10.50.0.10");
    await patiently();
    stage.addControlPlane();
    await patiently();
    stage.giveBalancerAddress("10.50.0.10");
    await patiently();
    const pool: Loose = stage.deps.harvesterApi.peek(ipPools, { name: "lbs" });
    const creates = stage.deps.summary().filter((request) => request.includes("create"));
    return {
      requests: stage.deps.requests.length,
      creates: [...new Set(creates)],
      end: {
        spec: stage.own().spec,
        ready: stage.own().status.ready,
        service: stage.service()?.spec,
        balancer: stage.balancer()?.spec,
        allocated: pool.status.allocated,
        condition: stage.condition("LoadBalancerReady"),
      },
    };
  };

  test("before it or after it ends the same, with nothing made twice", async () => {
    const plain = await story();
    expect(plain.end.condition).toBe("True/LoadBalancerReady");
    for (let n = 0; n < plain.requests; n += 1) {
      for (const moment of ["before", "after"] as const) {
        const harmed = await story({ n, moment });
        expect({ n, moment, ...harmed.end }).toEqual({ n, moment, ...plain.end });
        expect(harmed.creates).toEqual(plain.creates);
      }
    }
  });
});
