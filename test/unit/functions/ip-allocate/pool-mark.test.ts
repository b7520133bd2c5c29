import { describe, expect, test } from "vitest";
import { ipAllocate } from "#functions/harvester/ip-allocate/function.ts";
import { ipPools } from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  machine,
  place,
} from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

/** A machine that waits for an address of a pool which another management cluster has marked. */
function setUp(): FakeDeps {
  const network = { gateway: "10.50.0.1", subnetMask: "255.255.0.0", ipPoolRef: "a" };
  return fakeDeps({
    management: [
      cluster(),
      harvesterCluster({ spec: { vmNetworkConfig: network } }),
      machine("m-0"),
      harvesterMachine("m-0"),
    ],
    harvester: [ipPool("a", { metadata: { annotations: { "capfn.dev/used-from": "there" } } })],
  });
}

function allocated(deps: FakeDeps): object {
  const status = deps.harvesterApi.peek(ipPools, { name: "a" })?.["status"];
  return (status as { allocated?: object } | undefined)?.allocated ?? {};
}

describe("a pool that several management clusters may use", () => {
  const markOf = (deps: FakeDeps) =>
    deps.harvesterApi.peek(ipPools, { name: "a" })?.metadata.annotations?.["capfn.dev/used-from"];
  const from = (managementUid?: string) => ({
    hub: {
      [place.connection]: { state: "connected", ...(managementUid !== undefined && { managementUid }) },
    },
  });

  test("says that it is used from here in the same write that allocates, so nobody else takes the entry for a left one", async () => {
    const deps = setUp();
    await stepWorld(deps, place.namespace, from("here")).run(ipAllocate, ["m-0"]);
    expect(markOf(deps)).toBe("here,there");
    expect(deps.summary().filter((request) => request.includes("ippools"))).toHaveLength(1);
  });

  test("keeps its mark as it is when it says so already, or when nobody knows what this cluster is", async () => {
    for (const world of [from("there"), from()]) {
      const deps = setUp();
      await stepWorld(deps, place.namespace, world).run(ipAllocate, ["m-0"]);
      expect(markOf(deps)).toBe("there");
      expect(Object.keys(allocated(deps))).toHaveLength(1);
    }
  });
});
