import type { StepFunction } from "#functions/contract/function.ts";
import { learn, plansOf, type Reference } from "#test/chaos/oracle.ts";
import type { Plan } from "#test/chaos/plan.ts";
import { scenarioNamed, type Scenario } from "#test/chaos/scenarios.ts";
import { mulberry, shuffled } from "#test/chaos/seeded.ts";
import type { Theatre } from "#test/chaos/theatre.ts";
import { runTrial } from "#test/chaos/trial.ts";

export interface CampaignOptions {
  readonly scenarios: readonly Scenario[];
  readonly functions: readonly StepFunction[];
  readonly seed: number;
  /** No plan is begun after this time, ms. */
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
  /** Milliseconds from the first plan on. */
  ms: number;
  readonly failed: { readonly plan: Plan; readonly violations: readonly string[] }[];
}

/** Learns every scenario, then runs its plans in an order that follows from the seed: single faults first, then pairs. */
export async function runCampaign(theatre: Theatre, options: CampaignOptions): Promise<CampaignSum> {
  const { seed, functions, where = () => true } = options;
  const references = new Map<string, Reference>();
  const sum: CampaignSum = { generated: 0, plans: 0, faults: 0, violations: 0, ms: 0, failed: [] };
  for (const scenario of options.scenarios) {
    const reference = await learn(theatre, scenario, functions, seed);
    references.set(scenario.name, reference);
    sum.violations += reference.violations.length;
    if (reference.violations.length > 0)
      sum.failed.push({ plan: noFault(scenario, seed), violations: reference.violations });
  }
  const random = mulberry(seed);
  const singles = shuffled(
    [...references.values()].flatMap((each) => plansOf(each, seed)).filter(where),
    random,
  );
  sum.generated = singles.length;
  const plans = inOrder(singles, random, options.pairsOnly === true);
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    while (performance.now() - startedAt < options.forMs && sum.plans < (options.most ?? Infinity)) {
      const { value: plan, done } = plans.next();
      if (done === true || plan === undefined) return;
      sum.plans += 1;
      const result = await runPlan(theatre, plan, functions, references.get(plan.scenario));
      sum.faults += result.fired;
      sum.violations += result.violations.length;
      sum.ms = performance.now() - startedAt;
      if (result.violations.length > 0) sum.failed.push({ plan, violations: result.violations });
      options.onPlan?.(plan, result, sum);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, work));
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
