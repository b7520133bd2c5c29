import { describe, expect, test } from "vitest";
import { lbProvision } from "#functions/harvester/lb-provision/function.ts";
import { clusterDelete } from "#functions/harvester/cluster-delete/function.ts";
import { poolProvision } from "#functions/harvester/pool-provision/function.ts";
import { ipPools } from "#platform/kube/resources.ts";
import { cluster, ipPool } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { clusterStage, IDENTITY, type Loose, type StageOptions } from "../cluster-stage.ts";

const VM_POOL = "demo-demo-vm-ippool";
const LB_POOL = "demo-demo-ippool";
const inline = {
  vmNetwork: "vlan1",
  subnet: "10.50.0.0/24",
  gateway: "10.50.0.1",
  rangeStart: "10.50.0.10",
  rangeEnd: "10.50.0.19",
};
const vms = (over: object = { ipPool: inline }) => ({
  controlPlaneEndpoint: { host: "10.60.0.2", port: 6443 },
  vmNetworkConfig: { gateway: "10.50.0.1", subnetMask: "255.255.255.0", ...over },
});
const stageOf = (spec: Record<string, unknown>, options: StageOptions = {}) =>
  clusterStage([poolProvision], { ...options, spec });
const pool = ({ deps }: { deps: Loose }, name: string): Loose => deps.harvesterApi.peek(ipPools, { name });
const atRest = async (stage: ReturnType<typeof stageOf>) =>
  (await stage.world.evaluate(poolProvision, "demo")).need === false;

describe("pools that the spec names", () => {
  test("are there: that is said, and nothing is made", async () => {
    const stage = stageOf(vms({ ipPoolRefs: ["a", "b"], ipPoolRef: "c" }), {
      harvester: [ipPool("a"), ipPool("b")],
    });
    await stage.settle();
    expect(stage.condition("VMIPPoolReady")).toBe("True/VMIPPoolReady");
    expect(stage.condition("VMIPPoolCreatedByController")).toBeUndefined();
    expect(stage.deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([]);
    expect(await atRest(stage)).toBe(true);
  });

  test("one is missing: it is named, the cluster is not Ready, and it is seen when it comes [check 47]", async () => {
    const stage = stageOf(vms({ ipPoolRefs: ["a", "b"] }), { harvester: [ipPool("a")] });
    await stage.settle();
    expect(stage.condition("VMIPPoolReady")).toBe("False/VMIPPoolCreationFailed");
    expect(stage.message("VMIPPoolReady")).toMatch(/^IPPool b does not exist/);
    expect(stage.condition("Ready")).toBe("False/NotReady");
    expect(await atRest(stage)).toBe(true);
    stage.deps.harvesterApi.put(ipPool("b"));
    await stage.settle();
    expect(stage.condition("VMIPPoolReady")).toBe("True/VMIPPoolReady");
    expect(stage.condition("Ready")).toBe("True/Ready");
  });
});

describe("a pool for VMs that the spec gives inline", () => {
  test("is made, marked with its owner, named in the spec, and said to be ours [check 48]", async () => {
    const stage = stageOf(vms());
    await stage.settle();
    expect(pool(stage, VM_POOL)).toMatchObject({
      metadata: { labels: { "capfn.dev/owner-uid": IDENTITY, "capfn.dev/owner-namespace": "demo" } },
      spec: {
        ranges: [
          { subnet: "10.50.0.0/24", gateway: "10.50.0.1", rangeStart: "10.50.0.10", rangeEnd: "10.50.0.19" },
        ],
        selector: { network: "vms/vlan1" },
      },
    });
    expect(stage.own().spec.vmNetworkConfig.ipPoolRef).toBe(VM_POOL);
    expect(stage.condition("VMIPPoolReady")).toBe("True/VMIPPoolReady");
    expect(stage.condition("VMIPPoolCreatedByController")).toBe("True/VMIPPoolCreatedByController");
    expect(await atRest(stage)).toBe(true);
  });

  test("is still known to be ours when the answer to its creation, or the whole status, is lost [check 48]", async () => {
    const stage = stageOf(vms());
    stage.deps.harvesterApi.failOn({ verb: "create", plural: "ippools" }, kubeError("unavailable"), {
      moment: "after",
    });
    await expect(stage.settle()).rejects.toMatchObject({ reason: "unavailable" });
    await stage.settle();
    expect(stage.condition("VMIPPoolCreatedByController")).toBe("True/VMIPPoolCreatedByController");
    stage.deps.management.put({ ...stage.own(), status: {} });
    await stage.settle();
    expect(stage.condition("VMIPPoolCreatedByController")).toBe("True/VMIPPoolCreatedByController");
    expect(stage.deps.summary().filter((request) => request.includes("create ippools"))).toHaveLength(1);
  });

  test("that exists already is used and not ours; it outlives the cluster [check 36] [check 48]", async () => {
    const stage = clusterStage([poolProvision, clusterDelete], {
      spec: vms(),
      harvester: [ipPool(VM_POOL)],
    });
    await stage.settle();
    expect(stage.own().spec.vmNetworkConfig.ipPoolRef).toBe(VM_POOL);
    expect(stage.condition("VMIPPoolReady")).toBe("True/VMIPPoolReady");
    expect(stage.condition("VMIPPoolCreatedByController")).toBeUndefined();
    const own = stage.own();
    stage.deps.management.put({
      ...own,
      metadata: { ...own.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    });
    await stage.settle();
    expect(stage.own()).toBeUndefined();
    expect(pool(stage, VM_POOL)).toBeDefined();
  });

  test("that was made for another cluster is refused", async () => {
    const other = ipPool(VM_POOL, { metadata: { labels: { "capfn.dev/owner-uid": "another" } } });
    const stage = stageOf(vms(), { harvester: [other] });
    await stage.settle();
    expect(stage.message("VMIPPoolReady")).toMatch(/made for another cluster/);
    expect(stage.own().spec.vmNetworkConfig).not.toHaveProperty("ipPoolRef");
  });

  test("is made again when somebody deletes it", async () => {
    const stage = stageOf(vms());
    await stage.settle();
    stage.deps.harvesterApi.drop(ipPools, { name: VM_POOL });
    await stage.settle();
    expect(pool(stage, VM_POOL)).toBeDefined();
  });

  test("gives way to pools the spec names instead", async () => {
    const stage = stageOf(vms({ ipPool: inline, ipPoolRef: "a" }), { harvester: [ipPool("a")] });
    await stage.settle();
    expect(pool(stage, VM_POOL)).toBeUndefined();
    expect(stage.own().spec.vmNetworkConfig.ipPoolRef).toBe("a");
  });

  test.each<[string, object, RegExp]>([
    [
      "a subnet that is none",
      { subnet: "10.50.0.0" },
      /spec.vmNetworkConfig.ipPool: spec.ranges\[0\].subnet/,
    ],
    ["an end outside the subnet", { rangeEnd: "10.51.0.1" }, /outside the range's subnet/],
  ])("with %s is refused before Harvester does, with the field", async (_what, over, message) => {
    const stage = stageOf(vms({ ipPool: { ...inline, ...over } }));
    await stage.settle();
    expect(stage.message("VMIPPoolReady")).toMatch(message);
    expect(stage.deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([]);
  });

  test.each(["forbidden", "invalid"] as const)(
    "that Harvester answers with %s is told, and asked for later",
    async (reason) => {
      const stage = stageOf(vms());
      stage.deps.harvesterApi.failOn({ verb: "create", plural: "ippools" }, kubeError(reason));
      await stage.settle();
      expect(stage.condition("VMIPPoolReady")).toMatch(/^(False\/VMIPPoolCreationFailed|True)/);
      const told = stage.deps.announced.map(({ event }) => event.reason);
      expect(told).toContain("VMIPPoolCreationFailed");
    },
  );
});

describe("a pool for the load balancer that the spec gives inline", () => {
  test("is made, named in the spec, and gives the endpoint its address [check 31]", async () => {
    const stage = clusterStage([poolProvision, lbProvision], {
      spec: { loadBalancerConfig: { ipamType: "pool", ipPool: { ...inline, vmNetwork: "default/vlan1" } } },
    });
    await stage.settle();
    expect(pool(stage, LB_POOL)).toMatchObject({
      spec: { selector: { network: "default/vlan1" } },
      status: { allocated: { "10.50.0.10": "vms/demo-demo-lb" } },
    });
    expect(stage.own().spec.loadBalancerConfig.ipPoolRef).toBe(LB_POOL);
    expect(stage.condition("CustomIPPoolCreated")).toBe("True/CustomIPPoolCreatedSuccessfully");
    expect(stage.service().spec.loadBalancerIP).toBe("10.50.0.10");
  });
});

test("nothing is made for a paused cluster [check 49]", async () => {
  const stage = stageOf(vms(), { cluster: cluster({ spec: { paused: true } }) });
  await stage.settle();
  expect(stage.deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([]);
});
