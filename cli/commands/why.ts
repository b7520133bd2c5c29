import { Option, type Command } from "commander";
import { quietClusterOptions } from "#cli/commands/flags.ts";
import { objectArgument, type NamedObject } from "#cli/commands/object-argument.ts";
import type { WhyFlags } from "#cli/actions/why.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn why machine/<name>`: what each function thinks of one object, and what it waits for. */
export function addWhyCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("why")
    .summary("say what each function thinks of one object and what it waits for")
    .description(
      "Looks at the cluster as the hub would, judges every function's predicate for one object, and adds what the stored ledger knows:\n" +
        "what is waited for, when it is due, attempts. It runs nothing and writes nothing. With --hub it asks the running hub instead.",
    )
    .addArgument(objectArgument());
  for (const option of quietClusterOptions) command.addOption(option);
  command
    .addOption(
      new Option("--ledger-namespace <name>", "namespace of the hub's ConfigMaps").default("capfn-system"),
    )
    .addOption(
      new Option(
        "--hub <url>",
        "ask a running hub at its health address, e.g. http://localhost:9440; it also knows the last outcomes",
      ),
    )
    .addOption(new Option("--json", "print one JSON array"))
    .addHelpText(
      "after",
      "\nExamples:\n  capfn why machine/worker-1 -n demo\n  capfn why machine/demo/worker-1 --json\n  capfn why machine/demo/worker-1 --hub http://localhost:9440",
    )
    .action(async (object: NamedObject, flags: WhyFlags) =>
      (await import("#cli/actions/why.ts")).why(object, flags, terminal),
    );
}
