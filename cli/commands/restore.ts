import { Argument, Option, type Command } from "commander";
import type { RestoreFlags } from "#cli/actions/restore.ts";
import { quietClusterOptions } from "#cli/commands/flags.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn restore <directory>`: creates what a backup holds, paused. */
export function addRestoreCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("restore")
    .summary("create the objects of a backup again, paused")
    .description(
      "Compares a backup with the cluster and says what it would create; --execute creates it: owners first, owner references with the uids\n" +
        "of here, status included, every Cluster paused. VMs on Harvester are found again by the uid and name of their owner and are not touched.\n" +
        "Refused while controllers act on objects of the backup. When all looks well, --unpause lets go what the restore has paused.",
    )
    .addArgument(new Argument("<directory>", "what capfn backup has written"));
  for (const option of quietClusterOptions) if (option.long !== "--namespace") command.addOption(option);
  command
    .addOption(new Option("--dry-run", "only say what would be created; the default").conflicts("execute"))
    .addOption(new Option("--execute", "create what is missing"))
    .addOption(new Option("--unpause", "let go what an earlier run has created").conflicts("execute"))
    .addOption(new Option("--json", "print the plan as one JSON object"))
    .addHelpText(
      "after",
      "\nExamples:\n  capfn restore capfn-backup-20261121-103000\n  capfn restore capfn-backup-20261121-103000 --execute\n  capfn restore capfn-backup-20261121-103000 --unpause",
    )
    .action(async (directory: string, flags: RestoreFlags) =>
      (await import("#cli/actions/restore.ts")).restore(directory, flags, terminal),
    );
}
