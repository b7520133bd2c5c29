import { describe, expect, test } from "vitest";
import { claimRelease } from "#functions/harvester/claim-release/function.ts";
import { claimServe } from "#functions/harvester/claim-serve/function.ts";
import { harvesterIpPools, ipAddressClaims } from "#platform/kube/resources.ts";
import { place } from "#test/support/cluster-objects.ts";
import { stepWorld } from "#test/support/step-world.ts";
import { claimStage, holderOf, look, poolObserve, serving } from "#test/unit/functions/claims/claim-stage.ts";

const at = (name = "c-0") => ({ namespace: "demo", name });
const givenUp = (reason: string) => ({ metadata: { annotations: { "capfn.dev/abandon-external": reason } } });

/** A claim that was served and then deleted, with its pool; since then nothing is heard of Harvester. */
async function unreachable() {
  const { deps, world } = claimStage();
  await world.settle([claimServe], ["c-0"]);
  await deps.management.delete(ipAddressClaims, at(), { uid: look(deps).claim().metadata.uid });
  await deps.management.delete(harvesterIpPools, at("rack"), { uid: look(deps).pool().metadata.uid });
  const state = { state: "failed", reason: "SecretNotFound", message: "Secret demo/identity does not exist" };
  const down = stepWorld(deps, place.namespace, {
    down: ["harvester"],
    hub: { [place.connection]: state },
  });
  deps.requests.length = 0;
  deps.announced.length = 0;
  return { deps, world, down };
}

describe("a deleted claim whose Harvester does not answer", () => {
  test("keeps what it has, and says once what it waits for", async () => {
    const { deps, down } = await unreachable();
    await down.settle(serving, ["c-0"]);
    expect(look(deps).claim().status.conditions).toContainEqual(
      expect.objectContaining({
        type: "Deleting",
        status: "True",
        reason: "HarvesterUnreachable",
        message: "the address cannot be given back: Secret demo/identity does not exist",
      }),
    );
    expect((await down.evaluate(claimRelease, "c-0")).need).toBe(false);
    expect(look(deps).allocated()).toEqual({ "10.50.0.10": holderOf() });
    expect(look(deps).address()).toBeDefined();
  });

  test("keeps it also when the step runs all the same", async () => {
    const { deps, down } = await unreachable();
    await down.settle(serving, ["c-0"]);
    const { "c-0": outcome } = await down.run(claimRelease, ["c-0"]);
    expect(outcome).toMatchObject({ kind: "waitFor" });
    expect(look(deps).claim()).toBeDefined();
    expect(look(deps).address()).toBeDefined();
  });

  test("gives its address back when there is a connection again", async () => {
    const { deps, world, down } = await unreachable();
    await down.settle(serving, ["c-0"]);
    await world.settle(serving, ["c-0"]);
    expect(look(deps).allocated()).toEqual({});
    expect(look(deps).claim()).toBeUndefined();
  });

  test.each<[string, typeof ipAddressClaims, string]>([
    ["itself", ipAddressClaims, "c-0"],
    ["with its pool", harvesterIpPools, "rack"],
  ])("goes when it was given up %s, and a Warning names what may be left", async (_what, type, name) => {
    const { deps, down } = await unreachable();
    await deps.management.mergePatch(type, at(name), givenUp("rack 3 was dismantled"));
    await down.settle(serving, ["c-0"]);
    expect(look(deps).claim()).toBeUndefined();
    expect(look(deps).address()).toBeUndefined();
    expect(deps.announced.map(({ event }) => event)).toEqual([
      {
        type: "Warning",
        reason: "ExternalObjectsAbandoned",
        message: `given up without a look at Harvester (rack 3 was dismantled); may be left there: 10.50.0.10 in IPPool a, held as ${holderOf()}`,
      },
    ]);
    expect(deps.summary().filter((request) => request.startsWith("harvester"))).toEqual([]);
    await down.settle([poolObserve], ["rack"]);
    expect(look(deps).pool()).toBeUndefined();
  });

  test("goes when it was given up and its pool is gone by force", async () => {
    const { deps, down } = await unreachable();
    deps.management.drop(harvesterIpPools, at("rack"));
    await deps.management.mergePatch(ipAddressClaims, at(), givenUp("burnt"));
    await down.settle(serving, ["c-0"]);
    expect(look(deps).claim()).toBeUndefined();
    expect(look(deps).address()).toBeUndefined();
  });

  test.each<[string, object]>([
    ["the reason is blank", { annotations: { "capfn.dev/abandon-external": " " } }],
    ["it is paused", { annotations: { "capfn.dev/abandon-external": "x", "cluster.x-k8s.io/paused": "" } }],
    [
      "somebody else's finalizer says that the address is in use",
      {
        annotations: { "capfn.dev/abandon-external": "x" },
        finalizers: ["capfn.dev/release-address", "example.com/in-use"],
      },
    ],
  ])("is not given up while %s", async (_why, metadata) => {
    const { deps, down } = await unreachable();
    await deps.management.mergePatch(ipAddressClaims, at(), { metadata });
    await down.settle(serving, ["c-0"]);
    expect(look(deps).claim()).toBeDefined();
    expect(look(deps).address()).toBeDefined();
  });

  test("is not given up when only the quorum read tells that the annotation was taken off", async () => {
    const { deps, down } = await unreachable();
    await deps.management.mergePatch(ipAddressClaims, at(), givenUp("x"));
    const lookup = await down.snapshot(claimRelease);
    await deps.management.mergePatch(ipAddressClaims, at(), givenUp(""));
    const { "c-0": outcome } = await down.run(claimRelease, ["c-0"], { lookup });
    expect(outcome).toMatchObject({ kind: "waitFor" });
    expect(look(deps).claim()).toBeDefined();
    expect(look(deps).address()).toBeDefined();
  });
});
