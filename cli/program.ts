import { Command } from "commander";
import { addAlertCommand } from "#cli/commands/alert.ts";
import { addContractCheckCommand } from "#cli/commands/contract-check.ts";
import { addBackupCommand } from "#cli/commands/backup.ts";
import { addDemoCommand } from "#cli/commands/demo.ts";
import { addDiagnoseCommand } from "#cli/commands/diagnose.ts";
import { addEmitCommand } from "#cli/commands/emit.ts";
import { addEventsCommand } from "#cli/commands/events.ts";
import { addGenerateCommand } from "#cli/commands/generate.ts";
import { addHubCommand } from "#cli/commands/hub.ts";
import { addMigrateCommand } from "#cli/commands/migrate.ts";
import { addParkedCommands } from "#cli/commands/parked.ts";
import { addRestoreCommand } from "#cli/commands/restore.ts";
import { addRunCommand } from "#cli/commands/run.ts";
import { addServeCommand } from "#cli/commands/serve.ts";
import { addSimulateCommand } from "#cli/commands/simulate.ts";
import { addTraceCommand } from "#cli/commands/trace.ts";
import { addWhyCommand } from "#cli/commands/why.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";

/** The whole command line: what `capfn --help` tells, and the page of it. Building it does nothing. */
export function capfnProgram(terminal: Terminal): Command {
  const program = new Command("capfn")
    .description("Cluster API on Harvester, run by small functions that are woken by events.")
    .version(version)
    .showHelpAfterError("(see --help)")
    .addHelpText(
      "after",
      "\nStart here:\n  capfn demo                     everything on this machine: real API servers, a simulated Harvester, machines that come and go\n" +
        "  capfn run                      the real thing, against your management cluster\n" +
        "  capfn why machine/<name>       what is happening to one machine, and what it waits for\n" +
        "  capfn parked                   what has been given up on, and what you can do",
    );
  addDemoCommand(program, terminal);
  addRunCommand(program, terminal);
  addServeCommand(program, terminal);
  addHubCommand(program, terminal);
  addWhyCommand(program, terminal);
  addTraceCommand(program, terminal);
  addDiagnoseCommand(program, terminal);
  addParkedCommands(program, terminal);
  addEventsCommand(program, terminal);
  addEmitCommand(program, terminal);
  addAlertCommand(program, terminal);
  addContractCheckCommand(program, terminal);
  addGenerateCommand(program, terminal);
  addMigrateCommand(program, terminal);
  addBackupCommand(program, terminal);
  addRestoreCommand(program, terminal);
  addSimulateCommand(program, terminal);
  return program;
}
