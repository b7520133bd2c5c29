import { attemptDeps, type RunnerWorld } from "#events/transport/step-deps.ts";
import type { Dispatch, Runner, RunResult } from "#events/transport/runner.ts";

/** Runs handlers in the hub's own process: no pods at all. A handler that throws or never ends harms only its own attempt. */
export function inProcessRunner(world: RunnerWorld): Runner {
  return {
    run: async ({
      function: fn,
      items,
      lookup,
      attempt: { token, signal },
    }: Dispatch): Promise<RunResult> => {
      const { deps, written } = attemptDeps(world, signal);
      try {
        return { token, outcomes: await fn.run(items, lookup, deps), written };
      } catch (fault) {
        return { token, outcomes: new Map(), fault, written };
      }
    },
  };
}
