import { expect, test } from "vitest";
import { machineConditions } from "#api/condition-names.ts";
import { allFunctions } from "#cli/functions.ts";
import { harvesterMachines, ipPools, persistentVolumeClaims } from "#platform/kube/resources.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import type { Fault, Plan, Trigger } from "#test/chaos/plan.ts";
import { allocatedOf, machineView } from "#test/chaos/readings.ts";
import { openPlay, type Play } from "#test/chaos/trial.ts";
import { condition, expectSound, faultStage, leftOnHarvester } from "#test/api/faults/stage.ts";

const stage = faultStage();

/** A play in which one fault happens at one point. */
function withFault(fault: Fault, trigger: Trigger): Play {
  const plan: Plan = { seed: 1, scenario: "by hand", faults: [{ fault, trigger }] };
  return openPlay(stage.theatre(), { functions: allFunctions, plan, seed: 1 });
}

async function prepared(play: Play, last = 19): Promise<void> {
  await play.actor.prepare([["pool", 10, last]], { cluster: fromPools(play.names, "pool") });
  await play.lives.start();
}

async function deleted({ actor }: Play, ...names: string[]): Promise<void> {
  await Promise.all(names.map((name) => actor.deleteMachine(name)));
  await actor.gone(...names);
  await Promise.all(names.map((name) => actor.buryMachine(name)));
}

function holders({ history }: Play): string[] {
  return history.all("H", "ippools").flatMap((pool) => [...allocatedOf(pool).values()]);
}

test("S1: a restart that still sees the deleted machine touches nothing of its namesake", async () => {
  await using play = withFault(
    { kind: "stale-restart", forMs: 1_500 },
    // The deleted machine, as it was heard of first.
    { at: "delta", api: "M", resource: "harvestermachines", name: "TRIAL-m1", nth: 6 },
  );
  const { actor, director, lives, history, names } = play;
  await prepared(play);
  await actor.createMachine("m1");
  await actor.provisioned("m1");
  await play.rest();
  await deleted(play, "m1");
  await actor.createMachine("m1");
  await actor.provisioned("m1");
  await play.rest();
  expect(director.fired).toBe(1);
  expect(lives.count).toBe(2);
  const vms = history.observations.flatMap(({ resource, key, object }) =>
    resource === "virtualmachines" && key.endsWith(`/${names.machine("m1")}`) ? [object.metadata.uid] : [],
  );
  expect(new Set(vms).size).toBe(2);
  expect(holders(play)).toHaveLength(1);
  expectSound(play);
});

test("S2: a pool seen as it was before it grew makes no address come back to it", async () => {
  await using play = withFault(
    { kind: "stale-restart", forMs: 600 },
    { at: "delta", api: "H", resource: "ippools", name: "TRIAL-pool", nth: 2 },
  );
  const { actor, names } = play;
  await prepared(play, 10);
  await actor.createMachine("m1");
  await actor.provisioned("m1");
  const range = {
    subnet: names.subnet,
    gateway: names.address(0),
    rangeStart: names.address(10),
    rangeEnd: names.address(12),
  };
  const { H } = actor.theatre.clients;
  await H.mergePatch(ipPools, { name: names.pool("pool") }, { spec: { ranges: [range] } });
  await Promise.all([actor.createMachine("m2"), actor.createMachine("m3")]);
  await actor.provisioned("m2", "m3");
  await play.rest();
  expect(new Set(holders(play)).size).toBe(3);
  expectSound(play);
});

test.each([
  [
    "the VM's deletion and what follows",
    { by: "vm-delete", api: "H", verb: "delete", resource: "virtualmachines", name: "TRIAL-m1" },
  ],
  [
    "the address's allocation and what follows",
    { by: "ip-allocate", api: "H", verb: "patch", resource: "ippools", name: "TRIAL-pool" },
  ],
  [
    "the address's release and what follows",
    { by: "ip-release", api: "H", verb: "patch", resource: "ippools", name: "TRIAL-pool" },
  ],
] as const)("S3: killed between %s, the next operator goes on from the world", async (_, call) => {
  await using play = withFault({ kind: "crash-after" }, { at: "call", ...call, nth: 1 });
  const { actor, director, lives } = play;
  await prepared(play);
  await actor.createMachine("m1");
  await actor.provisioned("m1");
  await deleted(play, "m1");
  await play.rest();
  expect(director.fired).toBe(1);
  expect(lives.count).toBe(2);
  expect(leftOnHarvester(play)).toEqual([]);
  expect(holders(play)).toEqual([]);
  expectSound(play);
});

test("S6: a pool reference that goes to another pool and back while nobody looks leaves nothing of the middle", async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  const { M } = actor.theatre.clients;
  await actor.prepare(
    [
      ["pool", 10, 10],
      ["second", 20, 29],
    ],
    { cluster: fromPools(names, "pool") },
  );
  await actor.createMachine("m1");
  const at = { namespace: names.namespace, name: names.machine("m1") };
  await M.mergePatch(harvesterMachines, at, { spec: fromPools(names, "second") });
  await M.mergePatch(harvesterMachines, at, { spec: { vmNetworkConfig: null } });
  await lives.start();
  await actor.provisioned("m1");
  for (const pool of ["second", "pool", "second", "pool"])
    await M.mergePatch(harvesterMachines, at, { spec: fromPools(names, pool) });
  await play.rest();
  expect(holders(play)).toHaveLength(1);
  expect(allocatedOf(play.history.get("H", "ippools", `/${names.pool("second")}`)!).size).toBe(0);
  expectSound(play);
});

test("S7: what is cleared away follows from labels on Harvester, not from what an operator remembers", async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  await prepared(play);
  await actor.createMachine("m1");
  await actor.provisioned("m1");
  const [disk] = play.history
    .all("H", "persistentvolumeclaims")
    .filter(({ metadata }) => metadata.labels?.["capfn.dev/owner-name"] === names.machine("m1"));
  // A disk that no operator has ever seen, as an attempt that was cut short may leave one.
  const { H } = actor.theatre.clients;
  await H.create(persistentVolumeClaims, {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: `${names.machine("m1")}-disk-7-abc1d`,
      namespace: names.target,
      labels: disk!.metadata.labels,
    },
    spec: disk!["spec"],
  });
  lives.restart();
  await deleted(play, "m1");
  await play.rest();
  expect(leftOnHarvester(play)).toEqual([]);
  expectSound(play);
});

test("S8: after a step that gave up, a corrected spec and a deletion are still served", async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  const { M } = actor.theatre.clients;
  await prepared(play);
  await Promise.all(
    ["m1", "m2"].map((name) => actor.createMachine(name, { spec: fromPools(names, "missing") })),
  );
  for (const name of ["m1", "m2"])
    await condition(play, name, machineConditions.VMIPAllocated, { status: "False" });
  lives.restart();
  const at = { namespace: names.namespace, name: names.machine("m1") };
  await M.mergePatch(harvesterMachines, at, { spec: fromPools(names, "pool") });
  await actor.provisioned("m1");
  await deleted(play, "m2");
  await play.rest();
  expect(machineView(play.history, names, "m1").complete).toBe(true);
  expectSound(play);
});
