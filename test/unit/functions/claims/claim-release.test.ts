import { describe, expect, test } from "vitest";
import { claimRelease } from "#functions/harvester/claim-release/function.ts";
import { claimServe } from "#functions/harvester/claim-serve/function.ts";
import { clusters, harvesterIpPools, ipAddressClaims, ipPools } from "#platform/kube/resources.ts";
import { cluster, harvesterIpPool, ipAddressClaim } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { claimStage, holderOf, look, poolObserve, serving } from "#test/unit/functions/claims/claim-stage.ts";

const at = (name = "c-0") => ({ namespace: "demo", name });

/** Claims that were served, and then deleted. */
async function served(names: readonly string[] = ["c-0"], over: object = {}) {
  const poolRef = { apiGroup: "capfn.dev", kind: "HarvesterIPPool", name: "rack" };
  const made = claimStage({
    claims: names.map((name) =>
      ipAddressClaim(name, "rack", { spec: { poolRef, clusterName: "demo" }, ...over }),
    ),
  });
  await made.world.settle([claimServe], names);
  for (const name of names) {
    const { metadata } = look(made.deps).claim(name);
    await made.deps.management.delete(ipAddressClaims, at(name), { uid: metadata.uid });
  }
  made.deps.requests.length = 0;
  return made;
}

describe("a deleted claim", () => {
  test("gives its address back, and IPAddress and claim are gone", async () => {
    const { deps, world } = await served();
    await world.settle(serving, ["c-0"]);
    expect(look(deps).allocated()).toEqual({});
    expect(look(deps).address()).toBeUndefined();
    expect(look(deps).claim()).toBeUndefined();
  });

  test("shares the write of the IPPool with the others; an address that is somebody else's by now stays his", async () => {
    const { deps, world } = await served(["c-0", "c-1", "c-2"]);
    await deps.harvesterApi.mergePatch(
      ipPools,
      { name: "a" },
      { status: { allocated: { "10.50.0.11": "somebody/else" } } },
    );
    deps.requests.length = 0;
    await world.settle(serving, ["c-0", "c-1", "c-2"]);
    expect(deps.requests.filter(({ plural, verb }) => plural === "ippools" && verb !== "get")).toHaveLength(
      1,
    );
    expect(look(deps).allocated()).toEqual({ "10.50.0.11": "somebody/else" });
  });

  test.each(
    [0, 1, 2, 3, 4, 5, 6].flatMap((n) =>
      (["before", "after"] as const).map((moment) => [n, moment] as const),
    ),
  )("gives it back once whatever fails: request %i, %s it takes effect", async (n, moment) => {
    const { deps, world } = await served();
    deps.failAt(n, kubeError("unavailable"), moment);
    await world.run(claimRelease, ["c-0"]).catch(() => undefined);
    await world.settle(serving, look(deps).claim() === undefined ? [] : ["c-0"]);
    expect(look(deps).allocated()).toEqual({});
    expect(look(deps).claim()).toBeUndefined();
    expect(look(deps).address()).toBeUndefined();
    const releases = deps.requests.filter(
      ({ plural, body }) => plural === "ippools" && JSON.stringify(body).includes(":null"),
    );
    expect(releases.length).toBeLessThanOrEqual(moment === "before" ? 2 : 1);
  });

  test.each<[string, object]>([
    ["a machine's finalizer says that its VM may use it", { finalizers: ["example.com/in-use"] }],
    ["it is paused", { annotations: { "cluster.x-k8s.io/paused": "" } }],
    ["clusterctl moves it away", { annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" } }],
  ])("keeps its address while %s", async (_why, metadata) => {
    const { deps, world } = await served(["c-0"]);
    const { finalizers = [], ...rest } = metadata as { finalizers?: string[] };
    const now = look(deps).claim().metadata.finalizers;
    await deps.management.mergePatch(ipAddressClaims, at(), {
      metadata: { ...rest, finalizers: [...now, ...finalizers] },
    });
    expect((await world.evaluate(claimRelease, "c-0")).need).toBe(false);
    expect(look(deps).allocated()).toEqual({ "10.50.0.10": holderOf() });
  });

  test("keeps it when only the quorum read tells that its Cluster was paused", async () => {
    const { deps, world } = await served();
    const lookup = await world.snapshot(claimRelease);
    deps.management.put(cluster({ spec: { paused: true } }));
    const { "c-0": outcome } = await world.run(claimRelease, ["c-0"], { lookup });
    expect(outcome).toMatchObject({ kind: "waitFor" });
    expect(look(deps).allocated()).toEqual({ "10.50.0.10": holderOf() });
  });

  test("gives it back though its Cluster is gone", async () => {
    const { deps, world } = await served();
    deps.management.drop(clusters, { namespace: "demo", name: "demo" });
    await world.settle(serving, ["c-0"]);
    expect(look(deps).allocated()).toEqual({});
  });

  test("says so when nobody knows where to give it back", async () => {
    const { deps, world } = await served();
    deps.management.drop(harvesterIpPools, at("rack"));
    const { "c-0": outcome } = await world.run(claimRelease, ["c-0"]);
    expect(outcome).toMatchObject({ kind: "failed", reason: "PoolNotReady" });
  });
});

describe("a HarvesterIPPool", () => {
  test("says whether addresses can be given out", async () => {
    const { deps, world } = claimStage();
    await world.settle([poolObserve], ["rack"]);
    expect(look(deps).pool().status.conditions).toMatchObject([
      { type: "Ready", status: "True", reason: "Ready" },
    ]);
    deps.harvesterApi.drop(ipPools, { name: "a" });
    await world.settle([poolObserve], ["rack"]);
    expect(look(deps).pool().status.conditions).toMatchObject([
      { type: "Ready", status: "False", reason: "IPPoolNotFound" },
    ]);
  });

  test("goes only when no claim names it any more", async () => {
    const { deps, world } = await served();
    const { metadata } = look(deps).pool();
    await deps.management.delete(harvesterIpPools, at("rack"), { uid: metadata.uid });
    expect((await world.evaluate(poolObserve, "rack")).view.unknown).toEqual([]);
    await world.settle([poolObserve], ["rack"]);
    expect(look(deps).pool()).toBeDefined();
    const lookup = await world.snapshot(poolObserve);
    await world.settle(serving, ["c-0"]);
    await world.settle([poolObserve], ["rack"]);
    expect(look(deps).pool()).toBeUndefined();
    expect(lookup).toBeDefined();
  });

  test("stays when only the quorum read shows a claim that names it", async () => {
    const leaving = {
      finalizers: ["capfn.dev/addresses-given-out"],
      deletionTimestamp: "2026-01-01T00:10:00Z",
    };
    const { deps, world } = claimStage({
      management: [cluster(), harvesterIpPool("rack", "a", { metadata: leaving })],
      claims: [],
    });
    const lookup = await world.snapshot(poolObserve);
    deps.management.put(ipAddressClaim("c-0", "rack"));
    const { rack: outcome } = await world.run(poolObserve, ["rack"], { lookup });
    expect(outcome).toMatchObject({ kind: "waitFor" });
    expect(look(deps).pool().metadata.finalizers).toEqual(leaving.finalizers);
  });
});
