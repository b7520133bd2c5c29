import { allFunctions } from "#cli/functions.ts";
import type { Need } from "#functions/contract/function.ts";
import { place } from "#test/support/cluster-objects.ts";
import type { FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld, type StepWorldOptions } from "#test/support/step-world.ts";

/** Functions that look after clusters and machines; those for remediations have nothing to look at here. */
const standing = allFunctions.filter(({ for: { type } }) =>
  ["HarvesterCluster", "HarvesterMachine"].includes(type.kind),
);

export const connected = {
  hub: { [place.connection]: { state: "connected", server: "https://harvester.example.com" } },
};

/** What every function would do after a restart, with nothing remembered: by function, whatever is neither "nothing" nor "not now". */
export async function everyNeed(
  deps: FakeDeps,
  options: StepWorldOptions = connected,
): Promise<Record<string, Need>> {
  const world = stepWorld(deps, place.namespace, options);
  const needs: Record<string, Need> = {};
  for (const fn of standing) {
    const { need } = await world.evaluate(
      fn,
      fn.for.type.kind === "HarvesterCluster" ? place.cluster : "m-0",
    );
    const later = need instanceof Date && need > deps.now();
    if (need !== false && !later) needs[fn.name] = need;
  }
  return needs;
}

/** Runs everything until it rests: what is needed, and what is due by time. */
export async function rest(deps: FakeDeps, options: StepWorldOptions = connected): Promise<void> {
  const world = stepWorld(deps, place.namespace, options);
  const ofClusters = standing.filter((fn) => fn.for.type.kind === "HarvesterCluster");
  const ofMachines = standing.filter((fn) => !ofClusters.includes(fn));
  await world.settle(ofClusters, [place.cluster]);
  for (let pass = 0; pass < 3; pass += 1) {
    await world.settle(ofMachines, ["m-0"]);
    for (const fn of ofMachines) {
      const need = await world.evaluate(fn, "m-0").then(
        (evaluation) => evaluation.need,
        () => false,
      );
      if (need instanceof Date && need <= deps.now()) await world.run(fn, ["m-0"]);
    }
  }
}
