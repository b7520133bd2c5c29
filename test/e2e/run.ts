import { Argument, Command, Option } from "commander";
import { systemClock } from "#platform/process/clock.ts";
import { processEnvironment } from "#platform/process/environment.ts";
import { day2 } from "#test/e2e/day2/suite.ts";
import type { Result, Suite } from "#test/e2e/scenario.ts";

const suites: readonly Suite[] = [day2];

interface Flags {
  readonly json?: boolean;
  readonly only: string;
}

async function play(name: string, { json = false, only }: Flags): Promise<void> {
  const clock = systemClock();
  const begunAt = clock.monotonic();
  const seconds = (): number => Math.round((clock.monotonic() - begunAt) / 1000);
  const progress = (line: string): void =>
    void process.stderr.write(`${String(seconds()).padStart(4)} s  ${line}\n`);
  const suite = suites.find((each) => each.name === name);
  if (suite === undefined) throw new Error(`there is no suite ${name}`);
  const host = { environment: processEnvironment(), clock, progress };
  // Idle sockets and the product's timers do not keep a process alive.
  const alive = setInterval(() => {}, 1_000);
  const results = await suite
    .play(only, host, (result) => void process.stdout.write(`${lineOf(result)}\n`))
    .finally(() => clearInterval(alive));
  const failed = results.filter(({ ok }) => !ok).length;
  if (json) process.stdout.write(`${JSON.stringify({ suite: name, seconds: seconds(), results })}\n`);
  if (results.length === 0) progress(`no scenario of ${name} begins with "${only}"; --help lists all`);
  else progress(`${results.length - failed} of ${results.length} scenarios are as they should be`);
  if (failed > 0 || results.length === 0) process.exitCode = 1;
}

/** `ok      42.1 s  unhealthy-by-alert  the proof`. */
function lineOf({ scenario, ok, seconds, said }: Result): string {
  return `${ok ? "ok    " : "FAILED"} ${seconds.toFixed(1).padStart(6)} s  ${scenario.padEnd(26)} ${said}`;
}

function teaching(): string {
  const lists = suites.map(
    ({ name, summary, scenarios }) =>
      `\n${name}: ${summary}\n${scenarios.map((each) => `  ${each.name.padEnd(26)} ${each.summary}`).join("\n")}`,
  );
  return `${lists.join("\n")}\n\nExamples:\n  npm run e2e -- day2\n  npm run e2e -- day2 --only etcd\n  npm run e2e -- day2 --json | tail -n 1 | jq '.results[] | select(.ok | not)'`;
}

await new Command("e2e")
  .description(
    "Plays whole stories with real parts on this machine: nothing is needed but npm. One line for each scenario says how it came out, how long it\n" +
      "took, and what proves it; the exit code is 1 when one did not come out as it should.",
  )
  .addArgument(new Argument("<suite>", "what to play").choices(suites.map(({ name }) => name)))
  .addOption(new Option("--only <scenario>", "only scenarios whose names begin so").default("", "all"))
  .option("--json", "print one JSON object with all results as the last line")
  .addHelpText("after", teaching())
  .action((name: string, flags: Flags) => play(name, flags))
  .parseAsync();
