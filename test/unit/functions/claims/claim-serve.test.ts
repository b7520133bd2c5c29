import { describe, expect, test } from "vitest";
import { claimServe } from "#functions/harvester/claim-serve/function.ts";
import { ipAddressClaims, ipPools } from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterIpPool,
  ipAddress,
  ipAddressClaim,
  ipPool,
} from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { claimStage, holderOf, look, type Setup } from "#test/unit/functions/claims/claim-stage.ts";

describe("a claim that names one of our pools", () => {
  test("gets an IPAddress as the contract has it, and a status that names it", async () => {
    const { deps, world } = claimStage();
    await world.settle([claimServe], ["c-0"]);
    const { claim, address, pool, allocated } = look(deps);
    expect(allocated()).toEqual({ "10.50.0.10": holderOf() });
    expect(address()).toMatchObject({
      metadata: {
        finalizers: ["ipam.cluster.x-k8s.io/protect-address"],
        ownerReferences: [
          { kind: "IPAddressClaim", name: "c-0", controller: true, blockOwnerDeletion: true },
          { kind: "HarvesterIPPool", name: "rack", controller: false, blockOwnerDeletion: true },
        ],
      },
      spec: {
        claimRef: { name: "c-0" },
        poolRef: { apiGroup: "capfn.dev", kind: "HarvesterIPPool", name: "rack" },
        address: "10.50.0.10",
        prefix: 24,
        gateway: "10.50.0.1",
      },
    });
    expect(claim()).toMatchObject({
      metadata: { finalizers: ["capfn.dev/release-address"] },
      status: {
        addressRef: { name: "c-0" },
        conditions: [{ type: "Ready", status: "True", reason: "Ready" }],
      },
    });
    expect(pool().metadata.finalizers).toEqual(["capfn.dev/addresses-given-out"]);
    expect((await world.evaluate(claimServe, "c-0")).need).toBe(false);
  });

  test("costs four writes and no read; the pool says who uses it", async () => {
    const { deps, world } = claimStage();
    deps.requests.length = 0;
    await world.settle([claimServe], ["c-0"]);
    expect(deps.summary()).toEqual([
      "management mergePatch harvesterippools demo/rack",
      "management mergePatch ipaddressclaims demo/c-0",
      "harvester mergePatch ippools a",
      "management create ipaddresses demo/c-0",
      "management mergePatch ipaddressclaims/status demo/c-0",
    ]);
    expect(deps.harvesterApi.peek(ipPools, { name: "a" })?.metadata.annotations).toEqual({
      "capfn.dev/used-from": "here",
    });
  });

  test("shares one write of the IPPool with all that wait for it, and no two get one address", async () => {
    const names = Array.from({ length: 10 }, (_, index) => `c-${index}`);
    const { deps, world } = claimStage({ claims: names.map((name) => ipAddressClaim(name, "rack")) });
    deps.requests.length = 0;
    await world.settle([claimServe], names);
    expect(deps.requests.filter(({ plural }) => plural === "ippools")).toHaveLength(1);
    const addresses = names.map((name) => look(deps).address(name).spec.address);
    expect(new Set(addresses).size).toBe(10);
  });

  test("is served first come, first served, and waits for a place when there is none", async () => {
    const early = { metadata: { creationTimestamp: "2025-12-31T00:00:00Z" } };
    const { deps, world } = claimStage({
      claims: [ipAddressClaim("c-0", "rack"), ipAddressClaim("c-1", "rack", early)],
      pools: [ipPool("a", { range: { rangeEnd: "10.50.0.10" } })],
    });
    const { "c-0": late, "c-1": first } = await world.run(claimServe, ["c-0", "c-1"]);
    expect(first).toEqual({ kind: "done" });
    expect(late).toMatchObject({ kind: "waitFor", targets: [{ ref: { name: "a" } }] });
    expect(look(deps).ready()).toMatchObject({
      status: "False",
      reason: "PoolExhausted",
      message: "IPPool a has no free address",
    });
    expect(look(deps).ready("c-1")).toMatchObject({ status: "True" });
  });

  const elsewhere = { poolRef: { apiGroup: "ipam.cluster.x-k8s.io", kind: "InClusterIPPool", name: "rack" } };
  const paused = { metadata: { annotations: { "cluster.x-k8s.io/paused": "" } } };
  test.each<[string, Setup]>([
    ["it names another provider's pool", { claims: [ipAddressClaim("c-0", "rack", { spec: elsewhere })] }],
    ["it is paused", { claims: [ipAddressClaim("c-0", "rack", paused)] }],
    [
      "its Cluster is paused",
      {
        management: [cluster({ spec: { paused: true } }), harvesterIpPool("rack", "a")],
        claims: [claimOf("demo")],
      },
    ],
    [
      "its Cluster has the annotation that pauses",
      { management: [cluster(paused), harvesterIpPool("rack", "a")], claims: [claimOf("demo")] },
    ],
    ["its Cluster does not exist", { claims: [claimOf("other")] }],
    [
      "its Cluster, named by the label, does not exist",
      {
        claims: [
          ipAddressClaim("c-0", "rack", {
            metadata: { labels: { "cluster.x-k8s.io/cluster-name": "other" } },
          }),
        ],
      },
    ],
  ])("is left alone when %s", async (_why, setup) => {
    const { world } = claimStage(setup);
    expect((await world.evaluate(claimServe, "c-0")).need).toBe(false);
  });

  test.each<[string, Setup, string, RegExp]>([
    [
      "the pool is missing",
      { management: [cluster()] },
      "PoolNotReady",
      /HarvesterIPPool demo\/rack does not exist/,
    ],
    ["the IPPool is missing", { pools: [] }, "PoolNotReady", /IPPool a does not exist on Harvester/],
    [
      "the IPPool is malformed",
      { pools: [ipPool("a", { ranges: [] })] },
      "PoolNotReady",
      /IPPool a is malformed: spec\.ranges is empty/,
    ],
    [
      "somebody else's IPAddress has its name",
      {
        claims: [
          ipAddressClaim("c-0", "rack"),
          ipAddress("c-0", { address: "10.9.9.9", prefix: 24, claimRef: { name: "other" } }),
        ],
      },
      "AllocationFailed",
      /IPAddress demo\/c-0 exists and belongs to somebody else/,
    ],
  ])("says what to mend when %s, and writes nothing", async (_why, setup, reason, message) => {
    const { deps, world } = claimStage(setup);
    deps.requests.length = 0;
    const { "c-0": outcome } = await world.run(claimServe, ["c-0"]);
    expect(outcome).toMatchObject({
      kind: "failed",
      reason,
      message: expect.stringMatching(message) as string,
    });
    expect(deps.requests).toEqual([]);
  });

  test("whose allocating write lost its answer keeps the address that was written", async () => {
    const { deps, world } = claimStage();
    deps.requests.length = 0;
    deps.failAt(2, kubeError("timeout"), "after");
    await expect(world.run(claimServe, ["c-0"])).rejects.toThrow();
    expect(look(deps).allocated()).toEqual({ "10.50.0.10": holderOf() });
    await world.settle([claimServe], ["c-0"]);
    expect(look(deps).allocated()).toEqual({ "10.50.0.10": holderOf() });
    expect(look(deps).address().spec.address).toBe("10.50.0.10");
  });

  test.each(
    [0, 1, 2, 3, 4].flatMap((n) => (["before", "after"] as const).map((moment) => [n, moment] as const)),
  )("comes to one address whatever fails: request %i, %s it takes effect", async (n, moment) => {
    const { deps, world } = claimStage();
    deps.requests.length = 0;
    deps.failAt(n, kubeError("unavailable"), moment);
    await world.run(claimServe, ["c-0"]).catch(() => undefined);
    await world.settle([claimServe], ["c-0"]);
    expect(look(deps).allocated()).toEqual({ "10.50.0.10": holderOf() });
    expect(look(deps).ready()).toMatchObject({ status: "True" });
  });

  test("keeps its address when somebody took its entry out of the pool, and takes no other", async () => {
    const { deps, world } = claimStage();
    await world.settle([claimServe], ["c-0"]);
    await deps.harvesterApi.mergePatch(
      ipPools,
      { name: "a" },
      { status: { allocated: { "10.50.0.10": null } } },
    );
    await world.settle([claimServe], ["c-0"]);
    expect(look(deps).allocated()).toEqual({ "10.50.0.10": holderOf() });
    await deps.harvesterApi.mergePatch(
      ipPools,
      { name: "a" },
      { status: { allocated: { "10.50.0.10": "somebody/else" } } },
    );
    const { "c-0": outcome } = await world.run(claimServe, ["c-0"]);
    expect(outcome).toMatchObject({
      kind: "failed",
      message: expect.stringContaining("gives 10.50.0.10, the claim's address, to somebody else") as string,
    });
  });

  test("one that changed meanwhile holds up no other", async () => {
    const { deps, world } = claimStage({
      claims: [ipAddressClaim("c-0", "rack"), ipAddressClaim("c-1", "rack")],
    });
    const lookup = await world.snapshot(claimServe);
    await deps.management.mergePatch(
      ipAddressClaims,
      { namespace: "demo", name: "c-0" },
      { metadata: { annotations: { changed: "yes" } } },
    );
    const outcomes = await world.run(claimServe, ["c-0", "c-1"], { lookup });
    expect(outcomes).toMatchObject({ "c-0": { kind: "requeueAfter" }, "c-1": { kind: "done" } });
  });
});

function claimOf(clusterName: string): object {
  const poolRef = { apiGroup: "capfn.dev", kind: "HarvesterIPPool", name: "rack" };
  return ipAddressClaim("c-0", "rack", { spec: { poolRef, clusterName } });
}
