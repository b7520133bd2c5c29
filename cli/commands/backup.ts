import { Option, type Command } from "commander";
import type { BackupFlags } from "#cli/actions/backup.ts";
import { quietClusterOptions } from "#cli/commands/flags.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn backup`: the objects of Cluster API and capfn as files. */
export function addBackupCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("backup")
    .summary("write the objects of all clusters to a directory")
    .description(
      "Writes one YAML file per kind: Cluster API and its providers, capfn's own kinds, the Secrets of clusters, the identity Secrets, add-ons,\n" +
        "and, to look things up, the IPPools of Harvester. Kinds that are not installed are left out. Files are readable by you only.\n" +
        "Take it while nothing is being created or deleted. `capfn restore` creates the objects again, also in another cluster.",
    );
  for (const option of quietClusterOptions) command.addOption(option);
  command
    .addOption(
      new Option(
        "--output-dir <path>",
        "where to; capfn-backup-<date>-<time> in this directory when left out",
      ),
    )
    .addOption(
      new Option(
        "--etcd-snapshot",
        "also a snapshot of the management cluster's etcd; on a machine of its control plane, as root",
      ),
    )
    .addOption(new Option("--no-secrets", "leave the content of Secrets out"))
    .addOption(new Option("--json", "print the manifest of the backup as one JSON object"))
    .addHelpText(
      "after",
      "\nExamples:\n  capfn backup\n  capfn backup -n demo --output-dir /var/backups/demo\n  sudo capfn backup --etcd-snapshot",
    )
    .action(async (flags: BackupFlags) => (await import("#cli/actions/backup.ts")).backup(flags, terminal));
}
