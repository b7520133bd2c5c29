import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { machineObserve as step } from "#functions/harvester/machine-observe/function.ts";
import { clusters, harvesterClusters, keyPairs, machines, secrets } from "#platform/kube/resources.ts";
import {
  HARVESTER,
  HOLDER,
  START,
  World,
  bootstrapSecret,
  keyPair,
  harvesterMachines,
  pool,
  virtualMachineInstances,
  virtualMachines,
  vm,
  vmi,
} from "#test/unit/functions/machine-observe/world.ts";

const addresses = ["10.50.0.10", "10.50.0.20", "fd00::1"];
const phases = ["Pending", "Scheduling", "Running", "Running", "Running", "Succeeded"];
const printable = ["Starting", "Running", "Stopped", "ErrorUnschedulable", "CrashLoopBackOff"];

const nicReport = fc.subarray(addresses, { maxLength: 3 });

type Change = (world: World) => void;

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom<Change>(
    (world) => world.put(vm()),
    (world) => world.put(vm({}, "somebody-else")),
    (world) => world.drop(keyPairs, "key", "default"),
    (world) => world.put(keyPair()),
    (world) => world.drop(secrets),
    (world) => world.put(bootstrapSecret()),
    (world) => world.put(vm({ runStrategy: "Halted" })),
    (world) => world.drop(virtualMachines),
    (world) => world.drop(virtualMachineInstances),
    (world) =>
      world.edit(clusters, (object) => (object["spec"].paused = object["spec"].paused !== true), "demo"),
    (world) => world.edit(machines, (object) => (object["spec"].bootstrap = {})),
    (world) => world.edit(machines, (object) => (object["spec"].bootstrap = { dataSecretName: "x" })),
    (world) => void (world.connection = { state: "failed", message: "refused" }),
    (world) => void (world.connection = { state: "connected" }),
    (world) => void world.unlisted.add(HARVESTER),
    (world) => world.unlisted.clear(),
    (world) => world.put(pool("p", { "10.50.0.10": "x", "10.50.0.11": "y" })),
    (world) => world.put(pool("p", { "10.50.0.10": "x" })),
    (world) => world.put(pool("p", { "10.50.0.10": "x", "10.50.0.11": HOLDER })),
    (world) =>
      world.edit(
        harvesterClusters,
        (object) =>
          (object["spec"].vmNetworkConfig = {
            ipPoolRef: "p",
            gateway: "10.50.0.1",
            subnetMask: "255.255.255.0",
          }),
        "demo",
      ),
    (world) =>
      world.edit(harvesterMachines, (own) => (own["metadata"].deletionTimestamp ??= world.now.toISOString())),
  ),
  fc.tuple(fc.array(nicReport, { minLength: 1, maxLength: 2 }), fc.constantFrom(...phases)).map(
    ([reports, phase]): Change =>
      (world) =>
        world.put(vmi(reports, phase)),
  ),
  fc.constantFrom(...printable).map(
    (printableStatus): Change =>
      (world) =>
        world.put({ ...vm(), status: { printableStatus } }),
  ),
);

describe("machine-observe, as a projection", () => {
  it("comes to rest in one run whatever happened before, and never takes back what Cluster API has latched", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(change, fc.constantFrom(0, 1_000, 70_000, 700_000)), { maxLength: 20 }),
        async (story) => {
          const world = new World();
          world.now = START;
          let latched = false;
          let providerID: string | undefined;
          let known = false;
          for (const [act, wait] of story) {
            act(world);
            world.now = new Date(world.now.getTime() + wait);
            if (world.due(step)) {
              const before = world.deps.requests.length;
              await world.run(step);
              expect(world.deps.requests.length, "a run that was needed writes").toBeGreaterThan(before);
              expect(world.due(step), "one run is enough").toBe(false);
            }
            const { status = {}, spec } = world.own;
            if (latched) expect(status.initialization).toEqual({ provisioned: true });
            if (known) expect(status.addresses.length).toBeGreaterThan(1);
            if (providerID !== undefined) expect(spec.providerID).toBe(providerID);
            if (status.ready === true) expect(status.initialization).toEqual({ provisioned: true });
            latched = status.initialization?.provisioned === true;
            known = status.addresses !== undefined;
            providerID = spec.providerID;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is called for nothing that it would not write", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 8 }), async (story) => {
        const world = new World();
        for (const act of story) act(world);
        const due = world.due(step);
        const before = world.deps.requests.length;
        await world.run(step);
        expect(world.deps.requests.length > before).toBe(due);
      }),
      { numRuns: 300 },
    );
  });

  it("writes no more often than there are addresses, however they come and go [check 76]", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(nicReport, nicReport), { minLength: 30, maxLength: 60 }),
        async (reports) => {
          const world = new World();
          world.put(vm());
          world.put(vmi([["10.50.0.99"], []]));
          await world.settle(step);
          let writes = 0;
          for (const [first, second] of reports) {
            // Each interface keeps to its own addresses.
            const nics = [
              first.filter((ip) => ip !== "fd00::1").slice(0, 1),
              second.filter((ip) => ip === "fd00::1"),
            ];
            const own = nics[0]?.[0] === "10.50.0.20" ? [[], nics[1] ?? []] : nics;
            world.put(vmi(own));
            writes += await world.after(1_000, step);
            expect(world.own["status"].ready).toBe(true);
          }
          expect(writes).toBeLessThanOrEqual(addresses.length);
        },
      ),
      { numRuns: 60 },
    );
  });
});
