import { expect, test } from "vitest";
import * as z from "zod";
import { machineConditions, machineReasons } from "#api/condition-names.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { harvesterMachines, ipPools, virtualMachines } from "#platform/kube/resources.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { allocatedOf, machineView } from "#test/chaos/readings.ts";
import type { Play } from "#test/chaos/trial.ts";
import { condition, expectSound, faultStage } from "#test/api/faults/stage.ts";

const stage = faultStage();

function held({ history, names }: Play, pool: string): ReadonlyMap<string, string> {
  const object = history.get("H", "ippools", `/${names.pool(pool)}`);
  return object === undefined ? new Map() : allocatedOf(object);
}

test("with all pools exhausted a machine says so, and one freed address is enough [check 68] [check 69]", async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  await actor.prepare(
    [
      ["pool", 10, 10],
      ["second", 20, 20],
    ],
    { cluster: fromPools(names, "pool", "second") },
  );
  await lives.start();
  await Promise.all([actor.createMachine("m1"), actor.createMachine("m2")]);
  await actor.provisioned("m1", "m2");
  await actor.createMachine("m3");
  await condition(play, "m3", machineConditions.VMIPAllocated, {
    status: "False",
    reason: machineReasons.VMIPPoolExhausted,
  });
  await actor.deleteMachine("m1");
  await actor.gone("m1");
  const freedAt = performance.now();
  await actor.provisioned("m3");
  expect(performance.now() - freedAt).toBeLessThan(15_000);
  await play.rest();
  expect(held(play, "pool").size + held(play, "second").size).toBe(2);
  expectSound(play);
});

test(
  "of 100 machines for 60 addresses 60 are served, each once, and 40 wait until the pool grows [check 72]",
  { timeout: 300_000 },
  async () => {
    await using play = stage.open();
    const { actor, lives, names, history, director } = play;
    await actor.prepare([["pool", 10, 69]], { cluster: fromPools(names, "pool") });
    await lives.start();
    const all = Array.from({ length: 100 }, (_, index) => `m${index}`);
    for (let at = 0; at < all.length; at += 20)
      await Promise.all(all.slice(at, at + 20).map((name) => actor.createMachine(name)));
    const provisioned = (): string[] => all.filter((name) => machineView(history, names, name).provisioned);
    const waiting = (): string[] =>
      all.filter(
        (name) =>
          machineView(history, names, name).condition(machineConditions.VMIPAllocated)?.reason ===
          machineReasons.VMIPPoolExhausted,
      );
    const long = { withinMs: 120_000 };
    await history.until(
      "60 provisioned, 40 told",
      () => provisioned().length === 60 && waiting().length === 40,
      long.withinMs,
    );
    expect(new Set(held(play, "pool").values()).size).toBe(60);
    const range = {
      subnet: names.subnet,
      gateway: names.address(0),
      rangeStart: names.address(10),
      rangeEnd: names.address(109),
    };
    const before = director.trace.length;
    await actor.theatre.clients.H.mergePatch(
      ipPools,
      { name: names.pool("pool") },
      { spec: { ranges: [range] } },
    );
    await history.until("100 provisioned", () => provisioned().length === 100, long.withinMs);
    const poolWrites = director.trace
      .slice(before)
      .filter((entry) => entry.at === "call" && entry.verb === "patch" && entry.resource === "ippools");
    expect(poolWrites.length).toBeLessThanOrEqual(5);
    await play.rest();
    expect(new Set(held(play, "pool").values()).size).toBe(100);
    expectSound(play);
  },
);

test("with all addresses taken, that of a machine removed by force goes to the one that waits once its VM is gone", async () => {
  await using play = stage.open();
  const { actor, lives, names, history } = play;
  const { M, H } = actor.theatre.clients;
  await actor.prepare([["pool", 10, 12]], { cluster: fromPools(names, "pool") });
  await lives.start();
  const three = ["m1", "m2", "m3"];
  await Promise.all(three.map((name) => actor.createMachine(name)));
  await actor.provisioned(...three);
  await play.rest();
  const before = held(play, "pool");
  const lost = { namespace: names.namespace, name: names.machine("m2") };
  const [address = ""] = [...before].find(([, holder]) => holder.split("/")[1] === lost.name) ?? [];
  // Somebody takes the machine away past everything that would clean up behind it.
  await M.mergePatch(harvesterMachines, lost, {
    metadata: { annotations: { "cluster.x-k8s.io/paused": "" } },
  });
  await actor.deleteMachine("m2");
  await M.mergePatch(harvesterMachines, lost, { metadata: { finalizers: null } });
  await actor.gone("m2");
  await actor.createMachine("m4");
  const told = () => messages(history.get("M", "harvesterclusters", `${names.namespace}/${names.cluster}`));
  await actor.until("the shortage is told, and what is in the way", () =>
    /1 address is short.*VM .* still exists/.test(told().get("AddressesAvailable") ?? ""),
  );
  await play.rest();
  expect(held(play, "pool")).toEqual(before);
  const vm = { namespace: names.target, name: lost.name };
  const found = await H.get(virtualMachines, vm);
  await H.delete(virtualMachines, vm, { uid: found?.metadata.uid ?? "" });
  await actor.provisioned("m4");
  await play.rest();
  const after = held(play, "pool");
  expect(after.get(address)).toContain(`/${names.machine("m4")}/`);
  for (const [other, holder] of before) if (other !== address) expect(after.get(other)).toBe(holder);
  expectSound(play, { moved: true });
});

test("of what looks left over in a pool that runs out, only what nobody has goes to others", async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  const { H } = actor.theatre.clients;
  await actor.prepare([["pool", 10, 14]], { cluster: fromPools(names, "pool") });
  const uid = "2ab4a1c5-0c3b-4a55-8e6f-3f6f1f0e7b11";
  const kept = {
    [names.address(11)]: `${names.namespace}/${names.machine("go")}`,
    [names.address(12)]: `elsewhere/${names.machine("m9")}/${uid}`,
    [names.address(13)]: "entered by hand",
  };
  const leak = { [names.address(14)]: `${names.namespace}/${names.machine("forgotten")}/${uid}` };
  const at = { name: names.pool("pool") };
  await H.mergePatch(ipPools, at, { status: { allocated: { ...kept, ...leak }, available: 1 } });
  await lives.start();
  await Promise.all([actor.createMachine("m1"), actor.createMachine("m2")]);
  await actor.provisioned("m1", "m2");
  await play.rest();
  const now = held(play, "pool");
  const holders = [now.get(names.address(10)), now.get(names.address(14))].map((id) => id?.split("/")[1]);
  expect(new Set(holders)).toEqual(new Set([names.machine("m1"), names.machine("m2")]));
  for (const [address, holder] of Object.entries(kept)) expect(now.get(address)).toBe(holder);
  expectSound(play);
});

const conditionsSchema = z.looseObject({
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), message: z.string() })).default([]),
    })
    .prefault({}),
});

/** Message by condition type. */
function messages(object: KubeObject | undefined): ReadonlyMap<string, string> {
  const { status } = conditionsSchema.parse(object ?? {});
  return new Map(status.conditions.map(({ type, message }) => [type, message]));
}
