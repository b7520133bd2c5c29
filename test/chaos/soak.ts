import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { allFunctions } from "#cli/functions.ts";
import { type CampaignSum, runCampaign, runPlan } from "#test/chaos/campaign.ts";
import { learn } from "#test/chaos/oracle.ts";
import { ownStage } from "#test/chaos/own-stage.ts";
import { describePlan, parsePlan, type Plan } from "#test/chaos/plan.ts";
import { scenarioNamed, scenarios } from "#test/chaos/scenarios.ts";
import { openTheatre, type Theatre } from "#test/chaos/theatre.ts";
import { toJsonLines } from "#test/chaos/trace.ts";

const usage = `Usage: npm run soak -- [options]

  --seed N           order of the plans, pairs, jitter (default 1)
  --minutes M        no plan is begun after M minutes (default 10)
  --scenario NAME    only this scenario; may be repeated
  --at-once N        trials at a time (default 4)
  --pairs            pairs of faults only; else they follow when all single faults are through
  --out DIR          where plan files of violations go (default a folder under the system's temporary one)
  --plan FILE        replay one plan file
  --traces DIR       write the recorded traces of the scenarios as JSON lines, and run no plan
  --json             the last line of the output is JSON

Scenarios: ${scenarios.map(({ name }) => name).join(", ")}
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "10" },
    scenario: { type: "string", multiple: true },
    "at-once": { type: "string", default: "4" },
    pairs: { type: "boolean", default: false },
    out: { type: "string", default: join(tmpdir(), "capfn-soak") },
    plan: { type: "string" },
    traces: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

/** Prints what went wrong and keeps the plan for a replay. */
async function report(plan: Plan, violations: readonly string[], number: number): Promise<void> {
  await mkdir(values.out, { recursive: true });
  const file = join(values.out, `plan-${values.seed}-${number}.json`);
  await writeFile(file, `${JSON.stringify(plan, undefined, 2)}\n`);
  console.log(`VIOLATION by ${describePlan(plan)}\n  ${violations.join("\n  ")}\n  plan file: ${file}`);
}

async function replay(theatre: Theatre, file: string): Promise<boolean> {
  const plan = parsePlan(await readFile(file, "utf8"));
  console.log(describePlan(plan));
  const { violations, fired, ms } = await runPlan(theatre, plan, allFunctions);
  console.log(
    `${fired} of ${plan.faults.length} faults came about, ${Math.round(ms)} ms, ${violations.length} violations`,
  );
  for (const violation of violations) console.log(`  ${violation}`);
  if (values.json) console.log(JSON.stringify({ plans: 1, faults: fired, violations: violations.length }));
  return violations.length === 0;
}

async function writeTraces(theatre: Theatre, folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  for (const scenario of chosen()) {
    const { traces } = await learn(theatre, scenario, allFunctions, Number(values.seed));
    for (const [index, trace] of traces.entries())
      await writeFile(join(folder, `${scenario.name}-${index + 1}.jsonl`), toJsonLines(trace));
  }
  console.log(`traces are in ${folder}`);
  return true;
}

async function soak(theatre: Theatre): Promise<boolean> {
  const reports: Promise<void>[] = [];
  let toldAt = performance.now();
  const seed = Number(values.seed);
  const sum = await runCampaign(theatre, {
    scenarios: chosen(),
    functions: allFunctions,
    seed,
    forMs: Number(values.minutes) * 60_000,
    atOnce: Number(values["at-once"]),
    pairsOnly: values.pairs,
    onPlan: (plan, { violations }, soFar) => {
      if (violations.length > 0) reports.push(report(plan, violations, soFar.plans));
      if (performance.now() - toldAt < 10_000) return;
      toldAt = performance.now();
      console.log(inWords(soFar));
    },
  });
  for (const { plan, violations } of sum.failed)
    if (plan.faults.length === 0) reports.push(report(plan, violations, 0));
  await Promise.all(reports);
  console.log(inWords(sum));
  for (const trouble of new Set(theatre.troubles)) console.log(`simulator: ${trouble}`);
  const { generated, plans, faults, violations, ms } = sum;
  if (values.json)
    console.log(JSON.stringify({ seed, generated, plans, faults, violations, ms: Math.round(ms) }));
  return violations === 0;
}

function inWords({ generated, plans, faults, violations, ms }: CampaignSum): string {
  return `${plans} plans run (${generated} single faults generated), ${faults} faults injected, ${violations} violations, ${Math.round(ms / 1000)} s`;
}

function chosen() {
  return values.scenario?.map(scenarioNamed) ?? scenarios;
}

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(usage);
    return true;
  }
  // Idle sockets and the product's timers do not keep a process alive.
  const alive = setInterval(() => {}, 1_000);
  try {
    await using stage = await ownStage((line) => console.log(line));
    await using theatre = await openTheatre(stage);
    if (values.plan !== undefined) return await replay(theatre, values.plan);
    if (values.traces !== undefined) return await writeTraces(theatre, values.traces);
    return await soak(theatre);
  } finally {
    clearInterval(alive);
  }
}

process.exitCode = (await main()) ? 0 : 1;
