import type { StepFunction } from "#functions/contract/function.ts";
import { learn, plansOf, type Reference } from "#test/chaos/oracle.ts";
import type { Plan } from "#test/chaos/plan.ts";
import type { Scenario } from "#test/chaos/scenario.ts";
import { scenarioNamed } from "#test/chaos/scenarios.ts";
import { mulberry, shuffled } from "#test/chaos/seeded.ts";
import type { Theatre } from "#test/chaos/theatre.ts";
import { runTrial } from "#test/chaos/trial.ts";

export interface CampaignOptions {
  readonly scenarios: readonly Scenario[];
  readonly functions: readonly StepFunction[];
  readonly seed: number;
  /** No plan is begun after this time from the start on, learning included, ms. */
  readonly forMs: number;
  /** At most this many plans. */
  readonly most?: number;
  /** Begin with pairs of faults, and run nothing else. */
  readonly pairsOnly?: boolean;
  /** Trials at a time. */
  readonly atOnce: number;
  /** Which plans; all when absent. */
  readonly where?: (plan: Plan) => boolean;
  readonly onPlan?: (plan: Plan, result: PlanResult, sum: CampaignSum) => void;
}

export interface PlanResult {
  readonly violations: readonly string[];
  readonly fired: number;
  readonly ms: number;
}

/** What a campaign did. */
export interface CampaignSum {
  /** Plans with one fault that the traces gave. */
  generated: number;
  plans: number;
  /** Faults that came about; a point of a trace need not come in every run. */
  faults: number;
  violations: number;
  /** Milliseconds from the start to the end of the last plan. */
  ms: number;
  readonly failed: { readonly plan: Plan; readonly violations: readonly string[] }[];
}

/** Learns every scenario, then runs plans of all in turns, in an order that follows from the seed: single faults first, then pairs. */
export async function runCampaign(theatre: Theatre, options: CampaignOptions): Promise<CampaignSum> {
  const { seed, functions, where = () => true } = options;
  const references = new Map<string, Reference>();
  const sum: CampaignSum = { generated: 0, plans: 0, faults: 0, violations: 0, ms: 0, failed: [] };
  const startedAt = performance.now();
  await sideBySide(options.atOnce, options.scenarios.values(), async (scenario) => {
    const reference = await learn(theatre, scenario, functions, seed);
    references.set(scenario.name, reference);
    sum.violations += reference.violations.length;
    if (reference.violations.length > 0)
      sum.failed.push({ plan: noFault(scenario, seed), violations: reference.violations });
  });
  const random = mulberry(seed);
  const singles = inTurns(
    options.scenarios.map(({ name }) => shuffled(plansOf(references.get(name)!, seed).filter(where), random)),
  );
  sum.generated = singles.length;
  // However long it took to learn them, one plan of each.
  const isOver = (): boolean =>
    (performance.now() - startedAt >= options.forMs && sum.plans >= options.scenarios.length) ||
    sum.plans >= (options.most ?? Infinity);
  const plans = until(isOver, inOrder(singles, random, options.pairsOnly === true));
  await sideBySide(options.atOnce, plans, async (plan) => {
    sum.plans += 1;
    const result = await runPlan(theatre, plan, functions, references.get(plan.scenario));
    sum.faults += result.fired;
    sum.violations += result.violations.length;
    sum.ms = performance.now() - startedAt;
    if (result.violations.length > 0) sum.failed.push({ plan, violations: result.violations });
    options.onPlan?.(plan, result, sum);
  });
  return sum;
}

/** Runs one plan and judges it by its scenario's fault-free runs, which are made when not given. */
export async function runPlan(
  theatre: Theatre,
  plan: Plan,
  functions: readonly StepFunction[],
  known?: Reference,
): Promise<PlanResult> {
  const scenario = scenarioNamed(plan.scenario);
  const { judge } = known ?? (await learn(theatre, scenario, functions, plan.seed));
  return runTrial(theatre, { scenario, functions, plan, seed: plan.seed, judge });
}

/** So many at a time. */
async function sideBySide<T>(
  atOnce: number,
  items: Iterator<T>,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const work = async (): Promise<void> => {
    for (let next = items.next(); next.done !== true; next = items.next()) await act(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

function* until<T>(isOver: () => boolean, items: Iterable<T>): Generator<T> {
  for (const item of items) {
    if (isOver()) return;
    yield item;
  }
}

/** One of each list after the other: however short a sample is, every list has its share. */
function inTurns<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}

/** The single faults, and when they are through, pairs of them without end. */
function* inOrder(singles: readonly Plan[], random: () => number, pairsOnly: boolean): Generator<Plan> {
  if (!pairsOnly) yield* singles;
  const byScenario = Map.groupBy(singles, ({ scenario }) => scenario);
  while (singles.length > 0) {
    const first = singles[Math.floor(random() * singles.length)]!;
    const others = byScenario.get(first.scenario) ?? [];
    const second = others[Math.floor(random() * others.length)]!;
    yield { ...first, faults: [...first.faults, ...second.faults] };
  }
}

function noFault(scenario: Scenario, seed: number): Plan {
  return { seed, scenario: scenario.name, faults: [] };
}
