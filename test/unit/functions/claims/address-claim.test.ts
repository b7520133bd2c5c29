import { describe, expect, test } from "vitest";
import { addressClaim } from "#functions/harvester/address-claim/function.ts";
import { addressWithdraw } from "#functions/harvester/address-withdraw/function.ts";
import { ipRelease } from "#functions/harvester/ip-release/function.ts";
import { machineObserve } from "#functions/harvester/machine-observe/function.ts";
import { planOf } from "#functions/harvester/vm-create/plan.ts";
import { readStatic } from "#functions/harvester/vm-create/network-data.ts";
import { vmCreate } from "#functions/harvester/vm-create/function.ts";
import { vmDelete } from "#functions/harvester/vm-delete/function.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { harvesterMachines, ipAddressClaims, virtualMachines } from "#platform/kube/resources.ts";
import {
  cluster,
  deleting,
  harvesterCluster,
  harvesterMachine,
  ipAddress,
  ipAddressClaim,
  machine,
  place,
  virtualMachine,
} from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld, type StepWorldOptions } from "#test/support/step-world.ts";
import { createView } from "#test/unit/functions/vm-create/create-view.ts";

type Loose = ReturnType<typeof JSON.parse>;

const poolRef = { apiGroup: "ipam.example.com", kind: "ExamplePool", name: "rack-1" };
const second = { ...poolRef, name: "rack-6" };
const config = (...pools: object[]) => ({ ipamNetworkConfig: { pools } });
const at = (name: string) => ({ namespace: place.namespace, name });

interface Setup {
  readonly spec?: Record<string, unknown>;
  readonly machine?: object;
  readonly management?: readonly object[];
  readonly harvester?: readonly object[];
  readonly options?: StepWorldOptions;
}

function setUp({
  spec = config(poolRef),
  machine: own,
  management = [],
  harvester = [],
  options,
}: Setup = {}) {
  const deps = fakeDeps({
    management: [
      cluster(),
      harvesterCluster({ spec }),
      machine("m-0"),
      own ?? harvesterMachine("m-0"),
      ...management,
    ],
    harvester,
  });
  return { deps, world: stepWorld(deps, place.namespace, options) };
}

const claim = (deps: FakeDeps, index = 0): Loose =>
  deps.management.peek(ipAddressClaims, at(`m-0-address-${index}`));
const own = (deps: FakeDeps): Loose => deps.management.peek(harvesterMachines, at("m-0"));

/** What the machine's claim looks like once it was made. */
const claimed = (index: number, over: { spec?: object; metadata?: object; status?: object } = {}) =>
  ipAddressClaim(`m-0-address-${index}`, "", {
    spec: { poolRef, ...over.spec },
    metadata: {
      labels: { "capfn.dev/owner-uid": "uid-HarvesterMachine-m-0" },
      finalizers: ["harvestermachine.infrastructure.cluster.x-k8s.io/address-in-use"],
      ...over.metadata,
    },
    ...(over.status && { status: { ...over.status } }),
  });

describe("a machine with addresses of IPAM providers", () => {
  test("claims one of each pool, under names of its own, as the contract has it", async () => {
    const { deps, world } = setUp({ spec: config(poolRef, second) });
    await world.settle([addressClaim], ["m-0"]);
    expect(deps.summary().filter((request) => !request.includes(" list "))).toEqual([
      "management mergePatch harvestermachines demo/m-0",
      "management create ipaddressclaims demo/m-0-address-0",
      "management create ipaddressclaims demo/m-0-address-1",
    ]);
    expect(claim(deps)).toMatchObject({
      metadata: {
        labels: {
          "cluster.x-k8s.io/cluster-name": "demo",
          "capfn.dev/owner-uid": "uid-HarvesterMachine-m-0",
        },
        finalizers: ["harvestermachine.infrastructure.cluster.x-k8s.io/address-in-use"],
        ownerReferences: [
          { kind: "HarvesterMachine", name: "m-0", controller: true, blockOwnerDeletion: true },
        ],
      },
      spec: { clusterName: "demo", poolRef },
    });
    expect(claim(deps, 1).spec.poolRef).toEqual(second);
    expect(own(deps).metadata).toMatchObject({
      finalizers: ["harvestermachine.infrastructure.cluster.x-k8s.io/finalizer"],
      annotations: { "capfn.dev/address-claims": "2" },
    });
    expect((await world.evaluate(addressClaim, "m-0")).need).toBe(false);
    expect((await world.evaluate(vmCreate, "m-0")).need).toBe(false);
  });

  test("has its label for one of several hubs on the claim too", async () => {
    const labels = { "cluster.x-k8s.io/cluster-name": "demo", "cluster.x-k8s.io/watch-filter": "blue" };
    const { deps, world } = setUp({ machine: harvesterMachine("m-0", { metadata: { labels } }) });
    await world.settle([addressClaim], ["m-0"]);
    expect(claim(deps).metadata.labels).toMatchObject({ "cluster.x-k8s.io/watch-filter": "blue" });
  });

  test.each([0, 1].flatMap((n) => (["before", "after"] as const).map((moment) => [n, moment] as const)))(
    "has one claim whatever fails: request %i, %s it takes effect",
    async (n, moment) => {
      const { deps, world } = setUp();
      deps.failAt(n, kubeError("unavailable"), moment);
      await world.run(addressClaim, ["m-0"]).catch(() => undefined);
      await world.settle([addressClaim], ["m-0"]);
      expect(claim(deps)).toBeDefined();
      expect(claim(deps, 1)).toBeUndefined();
    },
  );

  test("leaves a claim of its name alone that is somebody else's", async () => {
    const foreign = ipAddressClaim("m-0-address-0", "rack");
    const { deps, world } = setUp({ management: [foreign] });
    const { "m-0": outcome } = await world.run(addressClaim, ["m-0"]);
    expect(outcome).toMatchObject({ kind: "failed", reason: "IPAddressClaimTaken" });
    expect(deps.requests.filter(({ verb }) => verb !== "list")).toEqual([]);
  });

  test("whose pool was changed before there was a VM, or whose claim was deleted, claims anew when the old one is gone", async () => {
    const { deps, world } = setUp({ spec: config(second), management: [claimed(0)] });
    await world.settle([addressClaim], ["m-0"]);
    expect(claim(deps).spec.poolRef).toEqual(second);
    const metadata = { ...claim(deps).metadata, deletionTimestamp: "2026-01-01T00:10:00Z" };
    deps.management.put({ ...claim(deps), metadata });
    await world.settle([addressClaim], ["m-0"]);
    expect(claim(deps).metadata.deletionTimestamp).toBeUndefined();
  });

  test("keeps a claim that asks another pool while a VM of its name is there", async () => {
    const { deps, world } = setUp({ spec: config(second), management: [claimed(0)] });
    const lookup = await world.snapshot(addressClaim);
    deps.harvesterApi.put(virtualMachine("m-0"));
    const { "m-0": outcome } = await world.run(addressClaim, ["m-0"], { lookup });
    expect(outcome).toMatchObject({ kind: "waitFor", targets: [{ ref: { name: "m-0" } }] });
    expect(claim(deps).metadata.finalizers).toHaveLength(1);
  });

  test("says so when there are no IPAddressClaims at all, and claims once there are", async () => {
    const { deps, world } = setUp({ options: { unlisted: ["ipaddressclaims", "ipaddresses"] } });
    const get = deps.management.get.bind(deps.management);
    deps.management.get = (type, name) =>
      type === ipAddressClaims ? Promise.reject(notInstalled) : get(type, name);
    const { "m-0": outcome } = await world.run(addressClaim, ["m-0"]);
    expect(outcome).toMatchObject({ kind: "failed", reason: "IPAMNotInstalled" });
    deps.management.get = get;
    const { "m-0": later } = await world.run(addressClaim, ["m-0"]);
    expect(later).toEqual({ kind: "done" });
    expect(claim(deps)).toBeDefined();
  });

  test("is made with address, prefix and gateway of its IPAddresses, in the order of its pools", () => {
    const dns = { dnsServers: ["10.50.0.2"] };
    const spec = { ipamNetworkConfig: { pools: [poolRef, second], gateway: "10.50.0.254", ...dns } };
    const labels = { "capfn.dev/owner-uid": "machine-uid" };
    const metadata = (index: number) => ({ name: `m-0-address-${index}`, namespace: "demo", labels });
    const given = (index: number) => ({ addressRef: { name: `given-${index}` } });
    const view = createView({
      spec,
      claims: [
        { metadata: metadata(0), spec: { poolRef }, status: given(0) },
        { metadata: metadata(1), spec: { poolRef: second }, status: given(1) },
      ],
      claimed: [
        {
          metadata: { name: "given-1", namespace: "demo" },
          spec: {
            claimRef: { name: "m-0-address-1" },
            poolRef: second,
            address: "fd00::10",
            prefix: 64,
            gateway: "fd00::1",
          },
        },
        {
          metadata: { name: "given-0", namespace: "demo" },
          spec: { claimRef: { name: "m-0-address-0" }, poolRef, address: "10.50.0.10", prefix: 24 },
        },
      ],
    });
    expect(planOf(view)?.statics.map((source) => readStatic(source))).toMatchObject([
      { static: { address: "10.50.0.10", prefix: 24, gateway: "10.50.0.254", ...dns } },
      { static: { address: "fd00::10", prefix: 64, gateway: "fd00::1" } },
    ]);
  });

  test("waits for an IPAddress that was made for its own claim", () => {
    const metadata = {
      name: "m-0-address-0",
      namespace: "demo",
      labels: { "capfn.dev/owner-uid": "machine-uid" },
    };
    const view = createView({
      spec: config(poolRef),
      claims: [{ metadata, spec: { poolRef }, status: { addressRef: { name: "given" } } }],
      claimed: [
        {
          metadata: { name: "given", namespace: "demo" },
          spec: { claimRef: { name: "another" }, poolRef, address: "10.50.0.10", prefix: 24 },
        },
      ],
    });
    expect(planOf(view)).toBeUndefined();
  });

  test("tells which provider it waits for", async () => {
    const { deps, world } = setUp({
      management: [claimed(0, { status: { conditions: [notReady] } })],
      machine: harvesterMachine("m-0", { metadata: { creationTimestamp: "2025-12-31T00:00:00Z" } }),
    });
    await world.run(machineObserve, ["m-0"]);
    expect(own(deps).status.conditions).toContainEqual(
      expect.objectContaining({
        type: "VMIPAllocated",
        status: "False",
        reason: "WaitingForIPAddress",
        message:
          "ExamplePool rack-1 has given no address for IPAddressClaim m-0-address-0 yet (PoolExhausted)",
      }),
    );
  });
});

const notInstalled = new KubeError({
  reason: "unavailable",
  detail: "notServed",
  dependency: "management",
  message: "not served",
});
const notReady = {
  type: "Ready",
  status: "False",
  reason: "PoolExhausted",
  message: "",
  lastTransitionTime: "2026-01-01T00:00:00Z",
};

describe("a deleted machine with claims", () => {
  const steps = [vmDelete, ipRelease, addressWithdraw];
  const leaving = (annotations: object = {}) =>
    harvesterMachine("m-0", {
      metadata: deleting("m-0", {
        annotations: {
          "capfn.dev/identity": "uid-HarvesterMachine-m-0",
          "capfn.dev/address-claims": "1",
          ...annotations,
        },
      }),
    });
  const given = ipAddress("m-0-address-0", { address: "10.50.0.10", prefix: 24 });

  test("withdraws them once the VM is gone, and goes after them; also when its configuration names no pool any more", async () => {
    const { deps, world } = setUp({
      spec: {},
      machine: leaving(),
      management: [claimed(0), given],
      harvester: [virtualMachine("m-0", { metadata: { finalizers: ["kubevirt.io/x"] } })],
    });
    await world.settle(steps, ["m-0"]);
    expect(claim(deps).metadata).toMatchObject({ finalizers: [expect.any(String)] });
    expect(claim(deps).metadata.deletionTimestamp).toBeUndefined();
    deps.harvesterApi.drop(virtualMachines, { namespace: place.target, name: "m-0" });
    await world.settle(steps, ["m-0"]);
    expect(claim(deps)).toBeUndefined();
    expect(own(deps)).toBeUndefined();
  });

  test("waits for the provider to let its claim go", async () => {
    const finalizers = [
      "harvestermachine.infrastructure.cluster.x-k8s.io/address-in-use",
      "example.com/release",
    ];
    const { deps, world } = setUp({
      machine: leaving(),
      management: [
        claimed(0, {
          metadata: { finalizers, labels: { "capfn.dev/owner-uid": "uid-HarvesterMachine-m-0" } },
        }),
      ],
    });
    const outcomes = await world.settle(steps, ["m-0"]);
    expect(outcomes.at(-1)).toMatchObject({ kind: "waitFor", targets: [{ ref: { name: "m-0-address-0" } }] });
    expect(claim(deps).metadata).toMatchObject({ finalizers: ["example.com/release"] });
    expect(own(deps)).toBeDefined();
    deps.management.drop(ipAddressClaims, at("m-0-address-0"));
    await world.settle(steps, ["m-0"]);
    expect(own(deps)).toBeUndefined();
  });

  test("keeps them when only the quorum read shows its VM", async () => {
    const { deps, world } = setUp({ machine: leaving(), management: [claimed(0)] });
    const lookup = await world.snapshot(addressWithdraw);
    deps.harvesterApi.put(virtualMachine("m-0"));
    const { "m-0": outcome } = await world.run(addressWithdraw, ["m-0"], { lookup });
    expect(outcome).toMatchObject({ kind: "waitFor" });
    expect(claim(deps).metadata.finalizers).toHaveLength(1);
  });

  test("keeps them when it is paused", async () => {
    const { world } = setUp({
      machine: leaving({ "cluster.x-k8s.io/paused": "" }),
      management: [claimed(0)],
    });
    expect((await world.evaluate(addressWithdraw, "m-0")).need).toBe(false);
  });

  test("leaves a claim of its name alone that is somebody else's", async () => {
    const { deps, world } = setUp({
      machine: leaving(),
      management: [ipAddressClaim("m-0-address-0", "rack")],
    });
    await world.settle(steps, ["m-0"]);
    expect(claim(deps)).toBeDefined();
    expect(own(deps)).toBeUndefined();
  });

  test("given up by a person, lets them go, so that nothing is held by a finalizer for ever", async () => {
    const { deps, world } = setUp({
      machine: leaving({ "capfn.dev/abandon-external": "burnt" }),
      management: [claimed(0)],
    });
    await world.settle(steps, ["m-0"]);
    expect(own(deps)).toBeUndefined();
    expect(claim(deps).metadata.finalizers).toEqual([]);
  });
});
