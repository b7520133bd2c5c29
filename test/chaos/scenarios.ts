import { ipPools } from "#platform/kube/resources.ts";
import type { Actor } from "#test/chaos/actor.ts";
import { dayTwoScenarios } from "#test/chaos/day-two-scenarios.ts";
import { etcdScenarios } from "#test/chaos/etcd-scenarios.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import type { Scenario } from "#test/chaos/scenario.ts";

async function deleteCompletely(actor: Actor, ...machines: string[]): Promise<void> {
  await Promise.all(machines.map((name) => actor.deleteMachine(name)));
  await actor.gone(...machines);
  await Promise.all(machines.map((name) => actor.buryMachine(name)));
}

const createStatic: Scenario = {
  name: "create-static",
  pools: [["pool", 10, 12]],
  play: async (actor) => {
    await actor.createMachine("m1");
    await actor.provisioned("m1");
  },
};

const createDhcp: Scenario = {
  name: "create-dhcp",
  pools: [],
  cluster: "dhcp",
  play: async (actor) => {
    await actor.createMachine("m1");
    await actor.provisioned("m1");
  },
};

const deleteStatic: Scenario = {
  name: "delete-static",
  pools: [["pool", 10, 12]],
  play: async (actor) => {
    await actor.createMachine("m1");
    await actor.provisioned("m1");
    await deleteCompletely(actor, "m1");
  },
};

const scale: Scenario = {
  name: "scale-1-3-1",
  pools: [["pool", 10, 13]],
  play: async (actor) => {
    await actor.createMachine("m1");
    await actor.provisioned("m1");
    await Promise.all([actor.createMachine("m2"), actor.createMachine("m3")]);
    await actor.provisioned("m2", "m3");
    await deleteCompletely(actor, "m2", "m3");
  },
};

/** Three machines for two addresses: the third gets that of the first when it goes. */
const shortage: Scenario = {
  name: "pool-shortage",
  pools: [["pool", 10, 11]],
  play: async (actor) => {
    await Promise.all([actor.createMachine("m1"), actor.createMachine("m2")]);
    await actor.provisioned("m1", "m2");
    await actor.createMachine("m3");
    await deleteCompletely(actor, "m1");
    await actor.provisioned("m3");
  },
};

/** A machine goes and another of the same name comes at once. */
const namesake: Scenario = {
  name: "namesake",
  pools: [["pool", 10, 12]],
  play: async (actor) => {
    await actor.createMachine("m1");
    await actor.provisioned("m1");
    await deleteCompletely(actor, "m1");
    await actor.createMachine("m1");
    await actor.provisioned("m1");
  },
};

/** The first pool is full, so the second serves; when both are, the third machine waits until the first pool grows. */
const fallback: Scenario = {
  name: "pool-fallback",
  pools: [
    ["pool", 10, 10],
    ["second", 20, 20],
  ],
  play: async (actor) => {
    const { names, theatre } = actor;
    for (const name of ["m1", "m2"]) {
      await actor.createMachine(name, { spec: fromPools(names, "pool", "second") });
      await actor.provisioned(name);
    }
    await actor.createMachine("m3", { spec: fromPools(names, "pool", "second") });
    const range = {
      subnet: names.subnet,
      gateway: names.address(0),
      rangeStart: names.address(10),
      rangeEnd: names.address(11),
    };
    await theatre.clients.H.mergePatch(ipPools, { name: names.pool("pool") }, { spec: { ranges: [range] } });
    await actor.provisioned("m3");
  },
};

/** One of two addresses is held by a machine that a restore of the management cluster forgot; the second machine gets it all the same. */
const leak: Scenario = {
  name: "pool-leak",
  pools: [["pool", 10, 11]],
  play: async (actor) => {
    const { names, theatre } = actor;
    const forgotten = `${names.namespace}/${names.machine("forgotten")}/2ab4a1c5-0c3b-4a55-8e6f-3f6f1f0e7b11`;
    const status = { allocated: { [names.address(11)]: forgotten }, available: 1 };
    await theatre.clients.H.mergePatch(ipPools, { name: names.pool("pool") }, { status });
    await Promise.all([actor.createMachine("m1"), actor.createMachine("m2")]);
    await actor.provisioned("m1", "m2");
  },
};

export const scenarios: readonly Scenario[] = [
  createStatic,
  createDhcp,
  deleteStatic,
  scale,
  shortage,
  namesake,
  fallback,
  leak,
  ...dayTwoScenarios,
  ...etcdScenarios,
];

export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((each) => each.name === name);
  if (found === undefined)
    throw new Error(`no scenario ${name}; there are ${scenarios.map((each) => each.name).join(", ")}`);
  return found;
}
