import { expect, test } from "vitest";
import { machineConditions, machineReasons } from "#api/condition-names.ts";
import { ipPools } from "#platform/kube/resources.ts";
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
