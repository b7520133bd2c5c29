import { Option, type Command } from "commander";
import type { MigrateFlags } from "#cli/actions/migrate.ts";
import { quietClusterOptions } from "#cli/commands/flags.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn migrate`: from the Go provider to capfn on a live cluster, and back. */
export function addMigrateCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("migrate")
    .summary("take clusters over from the Go provider (CAPHV), or give them back")
    .description(
      "Reports what is there, what stands in the way and what would be done: whose pods run, webhooks, CustomResourceDefinitions and stored\n" +
        "versions, each machine with the VM that is proven to be its own, IPPools. Nothing is written unless --execute is given; then the steps are\n" +
        "done in the order shown. No VM, disk or address is touched. An interrupted run is simply repeated.",
    );
  for (const option of quietClusterOptions) if (option.long !== "--namespace") command.addOption(option);
  command
    .addOption(
      new Option("--from <provider>", "the provider to take over from").choices(["caphv"]).default("caphv"),
    )
    .addOption(new Option("--back", "the other way: give the clusters back to that provider"))
    .addOption(new Option("--dry-run", "only report; the default").conflicts("execute"))
    .addOption(new Option("--execute", "do the steps, if nothing blocks"))
    .addOption(new Option("--json", "print the report as one JSON object"))
    .addHelpText(
      "after",
      "\nExamples:\n  capfn migrate --from caphv\n  capfn migrate --from caphv --execute\n  capfn migrate --from caphv --back",
    )
    .action(async (flags: MigrateFlags) =>
      (await import("#cli/actions/migrate.ts")).migrate(flags, terminal),
    );
}
