import { Command } from "commander";
import type { ServeFlags } from "#cli/actions/serve.ts";
import { serveOptions } from "#cli/commands/serve.ts";
import type { ServedFunctions } from "#cli/operator/served-steps.ts";
import { runProgram } from "#cli/run-program.ts";
import { processTerminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import type { StepFunction } from "#functions/contract/function.ts";

/** The whole program of one function's own bundle: `capfn serve <name>` and nothing else. What is loaded here is loaded before a pod asks for work. */
export async function serveFunction(name: string, load: () => Promise<StepFunction>): Promise<void> {
  const terminal = processTerminal();
  const program = new Command(name).description(`Serves the function ${name}.`).version(version);
  for (const option of serveOptions) program.addOption(option);
  program.showHelpAfterError("(see --help)");
  const served: ServedFunctions = {
    names: [name],
    load: async () => [await load()],
    managementOf: async (...choice) =>
      (await import("#cli/operator/pod-management.ts")).podManagement(...choice),
  };
  program.action(async (flags: ServeFlags) => {
    if (flags.pullFrom === undefined)
      await (await import("#cli/actions/serve.ts")).serve(served, flags, terminal);
    else await (await import("#cli/actions/serve-pull.ts")).servePull(served, flags, terminal);
  });
  await runProgram(program, terminal);
}
