import * as fc from "fast-check";
import { expect, test } from "vitest";
import { poolReclaim } from "#functions/harvester/pool-reclaim/function.ts";
import { ipPools, virtualMachines } from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  ipPool,
  ownedLabels,
  place,
  virtualMachine,
} from "#test/support/cluster-objects.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

const HERE = "uid-of-this-management-cluster";
const NAMES = ["m-0", "m-1", "m-2", "m-3"];

/** An entry of the pool, and what is true of its holder at the moment of the step. */
interface Entry {
  readonly form: "ours" | "go" | "elsewhere" | "foreign";
  readonly name: string;
  /** Whether there is a machine of the name: with the holder's identity, with another, or none. */
  readonly machine: "holder" | "namesake" | "none";
  /** Whether the index knows of it. */
  readonly isSeen: boolean;
  readonly vm: "labelled" | "elsewhere" | "unlabelled" | "none";
  readonly isAddressReported: boolean;
}

const entries: fc.Arbitrary<readonly Entry[]> = fc.uniqueArray(
  fc.record({
    form: fc.constantFrom("ours", "ours", "ours", "go", "elsewhere", "foreign"),
    name: fc.constantFrom(...NAMES),
    machine: fc.constantFrom("holder", "namesake", "none"),
    isSeen: fc.boolean(),
    vm: fc.constantFrom("labelled", "elsewhere", "unlabelled", "none", "none"),
    isAddressReported: fc.constantFrom(true, false, false),
  }) as fc.Arbitrary<Entry>,
  { selector: ({ name }) => name, maxLength: NAMES.length },
);

const identity = (name: string) => `uid-HarvesterMachine-${name}`;

function idOf({ form, name }: Entry): string {
  switch (form) {
    case "ours":
      return `demo/${name}/${identity(name)}`;
    case "go":
      return `demo/${name}`;
    case "elsewhere":
      return `other/${name}/${identity(name)}`;
    case "foreign":
      return `somebody's ${name}`;
  }
}

/** What the rule says, in other words than the code: nobody has it, and it was ours. */
function isFree(entry: Entry, users: readonly string[]): boolean {
  return (
    users.length === 1 &&
    users[0] === HERE &&
    entry.form === "ours" &&
    entry.machine !== "holder" &&
    entry.vm === "none" &&
    !entry.isAddressReported
  );
}

test("whatever is in a pool and around it, only what nobody has is taken back, and all of that", async () => {
  const users = fc.constantFrom<string[]>([HERE], [HERE], [HERE], [HERE, "elsewhere"], ["elsewhere"]);
  await fc.assert(
    fc.asyncProperty(entries, users, async (given, usedFrom) => {
      const addressOf = (entry: Entry) => `10.50.0.1${given.indexOf(entry)}`;
      const allocated = Object.fromEntries(given.map((entry) => [addressOf(entry), idOf(entry)]));
      const deps = fakeDeps({
        management: [
          cluster(),
          harvesterCluster({
            spec: { vmNetworkConfig: { ipPoolRef: "a", gateway: "10.50.0.1", subnetMask: "24" } },
          }),
        ],
        harvester: [
          ipPool("a", {
            range: { rangeStart: "10.50.0.10", rangeEnd: `10.50.0.1${Math.max(0, given.length - 1)}` },
            status: { total: given.length, available: 0, allocated },
            metadata: { annotations: { "capfn.dev/used-from": usedFrom.join(",") } },
          }),
        ],
      });
      const put = (entry: Entry) => {
        const { name, machine, vm, isAddressReported } = entry;
        if (machine !== "none") {
          const uid = machine === "holder" ? identity(name) : "another";
          deps.management.put(harvesterMachine(name, { metadata: { uid } }));
        }
        if (vm === "labelled") deps.harvesterApi.put(virtualMachine(name));
        if (vm === "unlabelled") deps.harvesterApi.put(virtualMachine(name, { metadata: { labels: {} } }));
        if (vm === "elsewhere")
          deps.harvesterApi.put(
            virtualMachine("x", { metadata: { namespace: name, labels: ownedLabels(name) } }),
          );
        if (isAddressReported) {
          deps.harvesterApi.put({
            apiVersion: "kubevirt.io/v1",
            kind: "VirtualMachineInstance",
            metadata: { name: `${name}-user`, namespace: "elsewhere" },
            spec: {},
            status: { interfaces: [{ ipAddresses: [addressOf(entry)] }] },
          });
        }
      };
      const world = stepWorld(deps, "demo", {
        hub: { [place.connection]: { state: "connected", managementUid: HERE } },
      });
      for (const entry of given.filter(({ isSeen }) => isSeen)) put(entry);
      const lookup = await world.snapshot(poolReclaim);
      for (const entry of given.filter(({ isSeen }) => !isSeen)) put(entry);
      await world.run(poolReclaim, ["demo"], { lookup });
      await world.settle([poolReclaim], ["demo"]);
      const found = deps.harvesterApi.peek(ipPools, { name: "a" });
      const { allocated: left } = found!["status"] as { allocated: Record<string, string> };
      const now = usedFrom.includes(HERE) ? usedFrom : [...usedFrom, HERE];
      const kept = given.filter((entry) => !isFree(entry, now));
      expect(left).toEqual(Object.fromEntries(kept.map((entry) => [addressOf(entry), idOf(entry)])));
      const writes = deps.requests.filter(({ verb }) => verb !== "get" && verb !== "list");
      expect(writes.filter(({ plural }) => plural === virtualMachines.plural)).toEqual([]);
    }),
    { numRuns: 300 },
  );
}, 60_000);
