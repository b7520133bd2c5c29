import { Command } from "commander";
import { serve, type ServeFlags } from "#cli/actions/serve.ts";
import { serveOptions } from "#cli/commands/serve.ts";
import { podManagement } from "#cli/operator/pod-management.ts";
import { runProgram } from "#cli/run-program.ts";
import { processTerminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import type { StepFunction } from "#functions/contract/function.ts";

/** The whole program of one function's own bundle: `capfn serve <name>` and nothing else. */
export async function serveFunction(fn: StepFunction): Promise<void> {
  const terminal = processTerminal();
  const program = new Command(fn.name).description(`${fn.summary}. Served at /${fn.name}.`).version(version);
  for (const option of serveOptions) program.addOption(option);
  program.showHelpAfterError("(see --help)");
  program.action((flags: ServeFlags) => serve([fn], flags, terminal, podManagement));
  await runProgram(program, terminal);
}
