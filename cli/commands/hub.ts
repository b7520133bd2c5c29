import { Option, type Command } from "commander";
import { hubClusterOptions, positiveInteger, shardOptions } from "#cli/commands/flags.ts";
import type { HubFlags } from "#cli/actions/pass.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn hub --once`: one pass over everything, for a CronJob that keeps the promise when no hub runs. */
export function addHubCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("hub")
    .summary("with --once: look at everything once, do what is due, and exit")
    .description(
      "A safety net for a CronJob: lists, judges, runs what is due until nothing more can be done at once, and exits.\n" +
        "What then still waits for another object is left to the next pass or to `capfn run`.",
    );
  for (const option of [...hubClusterOptions, ...shardOptions]) command.addOption(option);
  command
    .addOption(new Option("--once", "the pass; without it use `capfn run`").makeOptionMandatory())
    .addOption(
      new Option("--ledger-namespace <name>", "namespace of the hub's ConfigMaps").default("capfn-system"),
    )
    .addOption(
      new Option("--timeout-seconds <n>", "ends the pass after this time at the latest")
        .argParser((text) => positiveInteger("--timeout-seconds", text))
        .default(120),
    )
    .addHelpText("after", "\nExample:\n  capfn hub --once --kubeconfig ~/.kube/config")
    .action(async (flags: HubFlags) => (await import("#cli/actions/pass.ts")).pass(flags, terminal));
}
