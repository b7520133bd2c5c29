import { expect, test } from "vitest";
import { ipAllocate } from "#functions/harvester/ip-allocate/function.ts";
import { machineObserve } from "#functions/harvester/machine-observe/function.ts";
import { ipPoolView } from "#platform/harvester/ip-pool.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  machine,
  place,
} from "#test/support/cluster-objects.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

const one = { rangeEnd: "10.50.0.10" };
const full = (name: string) =>
  ipPool(name, { range: one, status: { allocated: { "10.50.0.10": "ns/other" }, total: 1, available: 0 } });

function setUp(names: readonly string[], pools: readonly object[], ipPoolRefs: readonly string[]) {
  const deps = fakeDeps({
    management: [
      cluster(),
      harvesterCluster({
        spec: { vmNetworkConfig: { gateway: "10.50.0.1", subnetMask: "255.255.0.0", ipPoolRefs } },
      }),
      ...names.flatMap((name) => [machine(name), harvesterMachine(name)]),
    ],
    harvester: pools,
  });
  return { deps, world: stepWorld(deps, place.namespace) };
}

test("a machine waits for a place only in pools it can use, and on the terms it saw", async () => {
  const { world } = setUp(["m-0"], [full("a"), ipPool("other", { network: "vlan9" })], ["a", "other"]);
  const { "m-0": outcome } = await world.run(ipAllocate, ["m-0"]);
  expect(outcome).toMatchObject({
    kind: "waitFor",
    targets: [{ ref: { name: "a" }, terms: expect.stringContaining("10.50.0.10") as string }],
  });
  expect(outcome?.kind === "waitFor" && outcome.targets).toHaveLength(1);
});

test("an address that came free under the write of its batch is not left to the next change of the pool", async () => {
  const { deps, world } = setUp(["m-0", "m-1"], [ipPool("a", { range: one })], ["a"]);
  deps.harvesterApi.beforeNextWrite(() =>
    deps.harvesterApi.put(ipPool("a", { range: { rangeEnd: "10.50.0.11" } })),
  );
  expect(await world.run(ipAllocate, ["m-0", "m-1"])).toEqual({
    "m-0": { kind: "done" },
    "m-1": { kind: "done" },
  });
});

test("no function of a waiting machine is woken by every change of its pool", async () => {
  const { world } = setUp(["m-0"], [full("a")], ["a"]);
  const edges = await Promise.all(
    [ipAllocate, machineObserve].map(async (fn) => (await world.evaluate(fn, "m-0")).edges),
  );
  const wakes = edges.flat().filter(({ view }) => view === ipPoolView);
  expect(new Set(wakes.map(({ wake }) => wake))).toEqual(new Set(["membership", "places"]));
});
