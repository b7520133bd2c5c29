import { describe, expect, test } from "vitest";
import { ipAllocate } from "#functions/harvester/ip-allocate/function.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  machine,
} from "#test/support/cluster-objects.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

const config = (over: object) => ({
  vmNetworkConfig: { gateway: "10.50.0.1", subnetMask: "255.255.0.0", ...over },
});

function setUp({ pools = [ipPool("a")], machines = [harvesterMachine("m-0")] } = {}) {
  const deps = fakeDeps({
    management: [
      cluster(),
      harvesterCluster({ spec: config({ ipPoolRef: "a" }) }),
      machine("m-0"),
      ...machines,
    ],
    harvester: pools,
  });
  return { deps, world: stepWorld(deps, "demo") };
}

describe("a machine that waits looks again", () => {
  test("when another pool is named for it, or a person asks for it", async () => {
    const { deps, world } = setUp();
    const { inputs } = await world.evaluate(ipAllocate, "m-0");
    deps.management.put(harvesterCluster({ spec: config({ ipPoolRefs: ["a", "b"] }) }));
    const withPool = await world.evaluate(ipAllocate, "m-0");
    expect(withPool.inputs).not.toEqual(inputs);
    deps.management.put(
      harvesterMachine("m-0", { metadata: { annotations: { "capfn.dev/look-at": "now" } } }),
    );
    expect((await world.evaluate(ipAllocate, "m-0")).inputs).not.toEqual(withPool.inputs);
  });

  test("whatever another machine's entry under the Go provider's id says", async () => {
    const { world } = setUp({
      pools: [ipPool("a", { status: { allocated: { "10.50.0.10": "demo/m-0" } } })],
      machines: [harvesterMachine("m-0", { status: { allocatedIPAddress: "10.50.0.99" } })],
    });
    expect((await world.evaluate(ipAllocate, "m-0")).need).toBe(true);
  });
});
