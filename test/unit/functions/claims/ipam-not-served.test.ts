import { describe, expect, test } from "vitest";
import { addressWithdraw } from "#functions/harvester/address-withdraw/function.ts";
import { ipRelease } from "#functions/harvester/ip-release/function.ts";
import { machineDiagnose } from "#functions/harvester/machine-diagnose/function.ts";
import { vmCreate } from "#functions/harvester/vm-create/function.ts";
import { vmDelete } from "#functions/harvester/vm-delete/function.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { harvesterMachines, ipAddressClaims, virtualMachines } from "#platform/kube/resources.ts";
import {
  cluster,
  deleting,
  harvesterCluster,
  harvesterMachine,
  ipAddressClaim,
  machine,
  ownedLabels,
  place,
  virtualMachine,
} from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

const poolRef = { apiGroup: "ipam.example.com", kind: "ExamplePool", name: "rack-1" };
const asksForOne = { ipamNetworkConfig: { pools: [poolRef] } };
const at = (name: string) => ({ namespace: place.namespace, name });
const inUse = "harvestermachine.infrastructure.cluster.x-k8s.io/address-in-use";
const identity = { "capfn.dev/identity": "uid-HarvesterMachine-m-0" };
const onceClaimed = { ...identity, "capfn.dev/address-claims": "1" };

/** A management cluster whose list of IPAddressClaims never comes; `claims` are there all the same, for quorum reads. */
function setUp({
  own,
  cluster: spec = asksForOne,
  claims = [],
  harvester = [],
}: {
  own?: { metadata?: Record<string, unknown>; spec?: Record<string, unknown> };
  cluster?: Record<string, unknown>;
  claims?: readonly object[];
  harvester?: readonly object[];
} = {}) {
  const deps = fakeDeps({
    management: [
      cluster(),
      harvesterCluster({ spec }),
      machine("m-0"),
      harvesterMachine("m-0", own),
      ...claims,
    ],
    harvester,
  });
  const world = stepWorld(deps, place.namespace, { unlisted: ["ipaddressclaims", "ipaddresses"] });
  return { deps, world };
}

/** As without Cluster API's CustomResourceDefinitions of IPAM. */
function serveNoClaims(deps: FakeDeps): void {
  const get = deps.management.get.bind(deps.management);
  const error = new KubeError({
    reason: "unavailable",
    detail: "notServed",
    dependency: "management",
    message: "not served",
  });
  deps.management.get = (type, name) => (type === ipAddressClaims ? Promise.reject(error) : get(type, name));
}

const own = (deps: FakeDeps) => deps.management.peek(harvesterMachines, at("m-0"));

describe("without IPAddressClaims in the management cluster", () => {
  test("a machine that claims none any more is made", async () => {
    const { world } = setUp({ cluster: {}, own: { metadata: { annotations: onceClaimed } } });
    expect(await world.evaluate(vmCreate, "m-0")).toMatchObject({ need: true, blockedOn: [] });
  });

  test("a machine that needs one is not made without", async () => {
    const { world } = setUp();
    expect(await world.evaluate(vmCreate, "m-0")).toMatchObject({ need: false, blockedOn: [] });
  });

  test("a machine that hangs is looked into", async () => {
    const { world } = setUp();
    expect((await world.evaluate(machineDiagnose, "m-0")).blockedOn).toEqual([]);
  });

  test("a deleted machine loses its VM and goes", async () => {
    const { deps, world } = setUp({
      own: { metadata: deleting("m-0") },
      harvester: [
        virtualMachine("m-0", {
          metadata: { finalizers: ["kubevirt.io/x"], labels: ownedLabels("m-0") },
        }),
      ],
    });
    serveNoClaims(deps);
    const steps = [vmDelete, ipRelease, addressWithdraw];
    await world.settle(steps, ["m-0"]);
    expect(deps.summary()).toContain(`harvester delete virtualmachines ${place.target}/m-0`);
    expect(own(deps)).toBeDefined();
    deps.harvesterApi.drop(virtualMachines, { namespace: place.target, name: "m-0" });
    await world.settle(steps, ["m-0"]);
    expect(own(deps)).toBeUndefined();
  });
});

describe("while IPAddressClaims are not listed", () => {
  test("a deleted machine stays when the quorum read shows a claim of its own, which is held", async () => {
    const claim = ipAddressClaim("m-0-address-0", "", {
      spec: { poolRef },
      metadata: { labels: { "capfn.dev/owner-uid": "uid-HarvesterMachine-m-0" }, finalizers: [inUse] },
    });
    const { deps, world } = setUp({
      own: { metadata: deleting("m-0", { annotations: onceClaimed }) },
      claims: [claim],
    });
    const { "m-0": outcome } = await world.run(vmDelete, ["m-0"]);
    expect(outcome).toMatchObject({ kind: "requeueAfter" });
    expect(own(deps)).toBeDefined();
    expect(deps.management.peek(ipAddressClaims, at("m-0-address-0"))?.metadata.finalizers).toEqual([inUse]);
  });

  test("it goes when the claim of its name is somebody else's", async () => {
    const { deps, world } = setUp({
      own: { metadata: deleting("m-0", { annotations: onceClaimed }) },
      claims: [ipAddressClaim("m-0-address-0", "rack")],
    });
    await world.run(vmDelete, ["m-0"]);
    expect(own(deps)).toBeUndefined();
  });
});
