import { Option, type Command } from "commander";
import type { TraceFlags } from "#cli/actions/trace.ts";
import { quietClusterOptions } from "#cli/commands/flags.ts";
import { objectArgument, type NamedObject } from "#cli/commands/object-argument.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn trace machine/<name>`: what happened, from the cause to the last write. */
export function addTraceCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("trace")
    .summary("show what happened to one object, from the cause to the last write")
    .description(
      "A timeline of the last runs for the object: which event led to each, how it ended, how long it took and what it wrote; together with the\n" +
        "Kubernetes Events on the object. A step that was woken by another step's write names that step, also one of another object.\n" +
        "The runs are in the memory of the hub that runs, the last 32 of an object; it forgets them when it restarts.",
    )
    .addArgument(objectArgument());
  for (const option of quietClusterOptions) command.addOption(option);
  command
    .addOption(
      new Option("--hub <url>", "health address of the hub that runs").default("http://localhost:9440"),
    )
    .addOption(new Option("--json", "print one JSON object: steps and events"))
    .addHelpText(
      "after",
      "\nExamples:\n  kubectl -n capfn-system port-forward deployment/capfn 9440 &\n  capfn trace machine/worker-1 -n demo\n  capfn trace machine/demo/worker-1 --json | jq .steps[-1]",
    )
    .action(async (object: NamedObject, flags: TraceFlags) =>
      (await import("#cli/actions/trace.ts")).trace(object, flags, terminal),
    );
}
