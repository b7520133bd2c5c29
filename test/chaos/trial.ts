import type { HubEvent } from "#events/hub/observer.ts";
import type { Runner } from "#events/transport/runner.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { mulberry } from "#test/chaos/seeded.ts";
import { type Actor, actor } from "#test/chaos/actor.ts";
import { canonical, type Canonical, rewriteFor } from "#test/chaos/canonical.ts";
import { clearAway } from "#test/chaos/clear-away.ts";
import { countsOf } from "#test/chaos/counts.ts";
import type { DeltaEvent, StreamName } from "#test/chaos/director.ts";
import { Director } from "#test/chaos/director.ts";
import { type History, NotReached } from "#test/chaos/history.ts";
import { checkHistory, type InvariantOptions } from "#test/chaos/invariants.ts";
import { leapingClock } from "#test/chaos/leaping-clock.ts";
import { type Lives, operatorLives } from "#test/chaos/lives.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { describeTrigger, type Plan } from "#test/chaos/plan.ts";
import {
  leapWhenNothingHappens,
  LONGEST_REST_MS,
  QUIET_MS,
  rest,
  type RunningTrial,
} from "#test/chaos/resting.ts";
import type { Scenario } from "#test/chaos/scenario.ts";
import type { Theatre } from "#test/chaos/theatre.ts";
import type { TraceEntry } from "#test/chaos/trace.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";
import { openVoters, type Voters } from "#test/chaos/voters.ts";

export interface TrialOptions {
  readonly scenario: Scenario;
  readonly functions: readonly StepFunction[];
  readonly plan?: Plan | undefined;
  readonly seed: number;
  /** What is wrong with a state at rest; it is asked again until nothing is, or the time is up. */
  readonly judge?: ((end: Ending) => string[]) | undefined;
}

/** How a trial stands at rest. */
export interface Ending {
  readonly state: Canonical;
  /** External objects: how often made, how often taken away. */
  readonly counts: ReadonlyMap<string, string>;
}

export interface TrialReport extends Ending {
  readonly trace: readonly TraceEntry[];
  /** Empty: all went as it should. */
  readonly violations: readonly string[];
  /** Faults of the plan that came about. */
  readonly fired: number;
  /** Operators that were started. */
  readonly lives: number;
  readonly ms: number;
}

/** The same where all others are measured by what is found, ms. */
const REFERENCE_QUIET_MS = 800;
/** One trial with everything in it, for a scenario or a test of its own. */
export interface Play extends AsyncDisposable {
  readonly actor: Actor;
  readonly director: Director;
  readonly lives: Lives;
  readonly names: TrialNames;
  readonly history: History;
  ending(): Ending;
  /** Resolves when all operators are idle, nobody waits for an answer, and nothing has changed for so long, ms. */
  rest(quietMs?: number): Promise<void>;
  /** What went wrong by the rules that always hold. */
  violations(options?: InvariantOptions): string[];
}

export interface PlayOptions extends Pick<TrialOptions, "functions" | "plan" | "seed"> {
  /** Where handlers execute; in the operators' process when left out. */
  readonly runner?: Runner | undefined;
  /** Told of what happens in the operators. */
  readonly observe?: ((event: HubEvent) => void) | undefined;
}

export function openPlay(theatre: Theatre, options: PlayOptions): Play {
  const names = theatre.nextTrial();
  const history = theatre.observer.record(names.id);
  const director = new Director(names, options.plan);
  const clock = leapingClock();
  let voters: Voters | undefined;
  const lives = operatorLives({
    management: theatre.stage.M.config("capfn"),
    namespace: names.namespace,
    functions: options.functions,
    director,
    replaced: (stream, event, withinMs) => replaced(history, stream, event, withinMs),
    clock,
    voters: () => voters,
    attemptMs: options.plan?.attemptMs,
    runner: options.runner,
    ...(options.observe !== undefined && { observe: options.observe }),
    random: mulberry(options.seed),
  });
  const trial: RunningTrial = { theatre, names, history, director, lives };
  const leaper = leapWhenNothingHappens(clock, trial);
  return {
    actor: actor({ theatre, names, history }, async () => {
      const cluster = await theatre.etcds.take();
      voters = await openVoters(cluster, { names, history, management: theatre.clients.M });
      return voters;
    }),
    director,
    lives,
    names,
    history,
    ending: () => {
      const rewrite = rewriteFor(names, history.observations);
      return {
        state: canonical(history.state, rewrite),
        counts: countsOf(history.observations, rewrite),
      };
    },
    rest: (quietMs = QUIET_MS) => rest(trial, quietMs),
    violations: (invariants) => [
      ...director.violations,
      ...checkHistory(names, history.observations, invariants),
    ],
    [Symbol.asyncDispose]: async () => {
      clearInterval(leaper);
      await lives.stop();
      if (voters !== undefined) theatre.etcds.giveBack(voters.cluster);
      await clearAway(theatre, names);
      theatre.observer.forget(names.id);
    },
  };
}

export async function runTrial(theatre: Theatre, options: TrialOptions): Promise<TrialReport> {
  const startedAt = performance.now();
  const { scenario } = options;
  await using play = openPlay(theatre, options);
  const { actor: player, director, lives, names } = play;
  const violations: string[] = [];
  const network = scenario.cluster === "dhcp" ? {} : fromPools(names, "pool");
  await player.prepare(scenario.pools, { cluster: network });
  await lives.start();
  try {
    await scenario.play(player);
    await play.rest(options.judge === undefined ? REFERENCE_QUIET_MS : QUIET_MS);
    violations.push(...(await judged(play, options.judge)));
  } catch (error) {
    if (!(error instanceof NotReached)) throw error;
    violations.push(`the scenario got stuck: ${error.message}`, ...lastWords(director));
    if (options.judge !== undefined) violations.push(...options.judge(play.ending()).slice(0, 12));
  }
  violations.push(...play.violations());
  return {
    ...play.ending(),
    trace: director.trace,
    violations,
    fired: director.fired,
    lives: lives.count,
    ms: performance.now() - startedAt,
  };
}

/** What happened last, for whoever looks for the cause. */
function lastWords({ trace }: Director): string[] {
  return trace
    .slice(-6)
    .map((entry) =>
      entry.at === "call"
        ? `before: ${describeTrigger(entry)}: ${entry.answer}`
        : `before: ${describeTrigger(entry)}: ${entry.type}`,
    );
}

/** Faults may leave something to be done after a backoff: a wrong state counts only when it stays. */
async function judged(play: Play, judge: TrialOptions["judge"]): Promise<string[]> {
  const deadline = performance.now() + LONGEST_REST_MS;
  for (;;) {
    const problems = judge?.(play.ending()) ?? [];
    if (problems.length === 0 || performance.now() > deadline) return problems;
    await sleep(50);
    await play.rest();
  }
}

async function replaced(
  history: History,
  { api, resource }: StreamName,
  { object }: DeltaEvent,
  withinMs: number,
): Promise<void> {
  const { namespace = "", name, uid } = object.metadata;
  const isReplaced = (): boolean => {
    const now = history.get(api, resource, `${namespace}/${name}`);
    return now !== undefined && now.metadata.uid !== uid;
  };
  await history.until("replaced", isReplaced, withinMs).catch(() => {});
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
