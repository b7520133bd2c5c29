import { Command, Option } from "commander";
import { systemClock } from "#platform/process/clock.ts";
import { processEnvironment } from "#platform/process/environment.ts";
import { runners, type Runner } from "#test/e2e/cluster/options.ts";
import { clusterSuite } from "#test/e2e/cluster/suite.ts";
import { contract } from "#test/e2e/contract/suite.ts";
import { day2 } from "#test/e2e/day2/suite.ts";
import type { Result, Suite } from "#test/e2e/scenario.ts";

interface Flags {
  readonly json?: boolean;
  readonly only: string;
}

interface ClusterFlags extends Flags {
  readonly runner: Runner;
  readonly kubeconfig?: string;
  readonly image?: string;
  readonly keep?: boolean;
}

async function play(suite: Suite, { json = false, only }: Flags): Promise<void> {
  const clock = systemClock();
  const begunAt = clock.monotonic();
  const seconds = (): number => Math.round((clock.monotonic() - begunAt) / 1000);
  const progress = (line: string): void =>
    void process.stderr.write(`${String(seconds()).padStart(4)} s  ${line}\n`);
  const host = { environment: processEnvironment(), clock, progress };
  // Idle sockets and the product's timers do not keep a process alive.
  const alive = setInterval(() => {}, 1_000);
  const results = await suite
    .play(only, host, (result) => void process.stdout.write(`${lineOf(result)}\n`))
    .finally(() => clearInterval(alive));
  const failed = results.filter(({ ok }) => !ok).length;
  if (json) process.stdout.write(`${JSON.stringify({ suite: suite.name, seconds: seconds(), results })}\n`);
  if (results.length === 0) progress(`no scenario of ${suite.name} begins with "${only}"; --help lists all`);
  else progress(`${results.length - failed} of ${results.length} scenarios are as they should be`);
  if (failed > 0 || results.length === 0) process.exitCode = 1;
}

/** `ok      42.1 s  unhealthy-by-alert  the proof`. */
function lineOf({ scenario, ok, seconds, said }: Result): string {
  return `${ok ? "ok    " : "FAILED"} ${seconds.toFixed(1).padStart(6)} s  ${scenario.padEnd(26)} ${said}`;
}

function teaching({ scenarios }: Suite, ...examples: readonly string[]): string {
  const told = (summary: string): string => summary.replaceAll(/ \[checks? [^\]]*\]/g, "");
  const list = scenarios.map((each) => `  ${each.name.padEnd(26)} ${told(each.summary)}`);
  const lines = examples.map((example) => `  npm run e2e -- ${example}`);
  return `\nScenarios:\n${list.join("\n")}\n\nExamples:\n${lines.join("\n")}`;
}

const only = new Option("--only <scenario>", "only scenarios whose names begin so").default("", "all");
const json = new Option("--json", "print one JSON object with all results as the last line");

const program = new Command("e2e").description(
  "Plays whole stories with real parts. One line for each scenario says how it came out, how long it took, and what proves it; the exit code is 1\n" +
    "when one did not come out as it should.",
);

program
  .command(contract.name)
  .description(`${contract.summary}; on this machine, with nothing but npm`)
  .addOption(only)
  .addOption(json)
  .addHelpText("after", teaching(contract, "contract", "contract --only quick-start"))
  .action((flags: Flags) => play(contract, flags));

program
  .command(day2.name)
  .description(`${day2.summary}; on this machine, with nothing but npm`)
  .addOption(only)
  .addOption(json)
  .addHelpText(
    "after",
    teaching(
      day2,
      "day2",
      "day2 --only etcd",
      "day2 --json | tail -n 1 | jq '.results[] | select(.ok | not)'",
    ),
  )
  .action((flags: Flags) => play(day2, flags));

const cluster = (flags: Omit<ClusterFlags, "json" | "only">): Suite =>
  clusterSuite({
    runner: flags.runner,
    kubeconfig: flags.kubeconfig,
    image: flags.image,
    keep: flags.keep ?? false,
  });

program
  .command("cluster")
  .description("capfn installed on a real cluster by Helm: your own, or a kind cluster that is made for it")
  .addOption(
    new Option("--runner <runner>", "where functions run").choices([...runners]).default("in-process"),
  )
  .option("--kubeconfig <path>", "a cluster of yours, for tests; a kind cluster is made without it")
  .option("--image <name:tag>", "image of capfn that your cluster can pull; needed with --kubeconfig")
  .option("--keep", "leave the cluster and all that runs in it, and say how to undo it")
  .addOption(only)
  .addOption(json)
  .addHelpText(
    "after",
    teaching(cluster({ runner: "in-process" }), "cluster", "cluster --runner keda --only wakes --keep"),
  )
  .action((flags: ClusterFlags) => {
    if (flags.kubeconfig !== undefined && flags.image === undefined)
      throw new Error("--kubeconfig needs --image: an image of capfn that this cluster can pull");
    return play(cluster(flags), flags);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
