import { Option, type Command } from "commander";
import { quietClusterOptions } from "#cli/commands/flags.ts";
import { objectArgument, type NamedObject } from "#cli/commands/object-argument.ts";
import type { DiagnoseFlags } from "#cli/actions/diagnose.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn diagnose machine/<name>`: what holds up one machine, looked at now. */
export function addDiagnoseCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("diagnose")
    .summary("look into a machine now: its VM, disks, warnings on Harvester, and cloud-init of the guest")
    .description(
      "Looks at what machine-diagnose looks at when a machine is stuck, and prints all that was found. It reads only.\n" +
        "The guest is asked over SSH if there is a Secret <cluster>-ssh. Credentials and bootstrap data are redacted.",
    )
    .addArgument(objectArgument());
  for (const option of quietClusterOptions) command.addOption(option);
  command
    .addOption(new Option("--json", "print one JSON object"))
    .addHelpText(
      "after",
      "\nExamples:\n  capfn diagnose machine/worker-1 -n demo\n  capfn diagnose machine/demo/worker-1 --json",
    )
    .action(async (object: NamedObject, flags: DiagnoseFlags) =>
      (await import("#cli/actions/diagnose.ts")).diagnose(object, flags, terminal),
    );
}
