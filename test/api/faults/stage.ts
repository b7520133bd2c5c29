import { afterAll, beforeAll, expect } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import type { Runner } from "#events/transport/runner.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import type { InvariantOptions } from "#test/chaos/invariants.ts";
import { machineView } from "#test/chaos/readings.ts";
import { sharedStage } from "#test/chaos/shared-stage.ts";
import { openTheatre, type Theatre } from "#test/chaos/theatre.ts";
import { openPlay, type Play } from "#test/chaos/trial.ts";

/** A simulated Harvester for the tests of one file; each test opens a play of its own in it. */
export function faultStage() {
  let theatre: Theatre | undefined;
  beforeAll(async () => {
    theatre = await openTheatre(sharedStage());
  });
  afterAll(async () => {
    await theatre?.[Symbol.asyncDispose]();
  });
  return {
    theatre: (): Theatre => theatre!,
    /** Operators are not started yet. */
    open: (functions: readonly StepFunction[] = allFunctions, runner?: Runner): Play =>
      openPlay(theatre!, { functions, seed: 1, runner }),
  };
}

/** Resolves when a condition of the machine reads so. */
export async function condition(
  { actor, history, names }: Play,
  machine: string,
  type: string,
  wanted: { readonly status: string; readonly reason?: string; readonly message?: RegExp },
): Promise<void> {
  const found = () => machineView(history, names, machine).condition(type);
  const reads = (): boolean => {
    const now = found();
    return (
      now?.status === wanted.status &&
      (wanted.reason === undefined || now.reason === wanted.reason) &&
      (wanted.message === undefined || wanted.message.test(now.message))
    );
  };
  try {
    await actor.until(`${type} of ${machine}`, reads);
  } catch (error) {
    throw new Error(`${String(error)}; it is ${JSON.stringify(found())}`, { cause: error });
  }
}

/** Nothing that must always hold was violated. */
export function expectSound(play: Play, options?: InvariantOptions): void {
  expect(play.violations(options)).toEqual([]);
}

/** The machine as the API server has it now. */
export async function machineNow({ names, actor }: Play, machine: string): Promise<KubeObject | undefined> {
  return actor.theatre.clients.M.get(harvesterMachines, {
    namespace: names.namespace,
    name: names.machine(machine),
  });
}

/** External objects of all machines of the play, without what belongs to others. */
export function leftOnHarvester({ history, names }: Play): string[] {
  return ["virtualmachines", "persistentvolumeclaims", "secrets", "virtualmachineinstances"].flatMap(
    (resource) =>
      history
        .all("H", resource)
        .map(({ metadata }) => metadata.name)
        .filter((name) => name.startsWith(names.id) && !name.includes("-other"))
        .map((name) => `${resource} ${name}`),
  );
}
