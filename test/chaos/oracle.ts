import type { StepFunction } from "#functions/contract/function.ts";
import { differences, maskOf } from "#test/chaos/canonical.ts";
import { generatePlans } from "#test/chaos/generator.ts";
import type { Plan } from "#test/chaos/plan.ts";
import type { Scenario } from "#test/chaos/scenario.ts";
import type { Theatre } from "#test/chaos/theatre.ts";
import type { TraceEntry } from "#test/chaos/trace.ts";
import { type Ending, runTrial, type TrialReport } from "#test/chaos/trial.ts";

/** What fault-free runs of a scenario end in. */
export interface Reference {
  readonly scenario: Scenario;
  readonly traces: readonly (readonly TraceEntry[])[];
  /** Fault-free runs that broke a rule themselves. */
  readonly violations: readonly string[];
  /** What is wrong with another run's ending, in words. */
  readonly judge: (end: Ending) => string[];
}

/** Runs the scenario without faults, twice: what differs between the two is masked. */
export async function learn(
  theatre: Theatre,
  scenario: Scenario,
  functions: readonly StepFunction[],
  seed: number,
): Promise<Reference> {
  const runs: TrialReport[] = [];
  for (const number of [0, 1])
    runs.push(await runTrial(theatre, { scenario, functions, seed: seed + number }));
  const [first, second] = runs;
  if (first === undefined || second === undefined) throw new Error("two runs were made");
  const mask = maskOf(runs.map(({ state }) => state));
  const unstable = maskOf(runs.map(({ counts }) => counts));
  return {
    scenario,
    traces: runs.map(({ trace }) => trace),
    violations: runs.flatMap(({ violations }) =>
      violations.map((each) => `${scenario.name}, no fault: ${each}`),
    ),
    judge: ({ state, counts }) => [
      ...differences(first.state, state, mask).map((each) => `end state: ${each}`),
      ...differences(first.counts, counts, unstable).map((each) => `count: ${each}`),
    ],
  };
}

/** All plans of single faults a reference gives. */
export function plansOf({ scenario, traces }: Reference, seed: number): Plan[] {
  const [first = [], ...others] = traces;
  return generatePlans(scenario.name, seed, first, others);
}
