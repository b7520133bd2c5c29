import { InvalidArgumentError, Option, type Command } from "commander";
import { clusterOptions } from "#cli/commands/flags.ts";
import type { WhyFlags, WhyObject } from "#cli/actions/why.ts";
import type { Terminal } from "#cli/terminal.ts";

/** What a person types before the slash. */
const explainedKinds: readonly string[] = ["machine", "harvestermachine", "cluster", "harvestercluster"];

/** `capfn why machine/<name>`: what each function thinks of one object, and what it waits for. */
export function addWhyCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("why")
    .summary("say what each function thinks of one object and what it waits for")
    .description(
      "Looks at the cluster as the hub would, judges every function's predicate for one object, and adds what the stored ledger knows:\n" +
        "what is waited for, when it is due, attempts. It runs nothing and writes nothing. With --hub it asks the running hub instead.",
    )
    .argument(
      "<object>",
      `<kind>/<name> or <kind>/<namespace>/<name>; kind is one of ${explainedKinds.join(", ")}`,
      parseObject,
    );
  for (const option of clusterOptions) {
    command.addOption(
      option.long === "--log-level"
        ? new Option("--log-level <level>", "what is logged").default("silent")
        : option,
    );
  }
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
    .action(async (object: WhyObject, flags: WhyFlags) =>
      (await import("#cli/actions/why.ts")).why(object, flags, terminal),
    );
}

function parseObject(text: string): WhyObject {
  const [kind = "", second = "", third] = text.split("/");
  if (!explainedKinds.includes(kind.toLowerCase()) || second === "") {
    throw new InvalidArgumentError(
      `"${text}" is no object; write <kind>/<name>, e.g. machine/worker-1. Kinds: ${explainedKinds.join(", ")}.`,
    );
  }
  return third === undefined ? { kind, name: second } : { kind, namespace: second, name: third };
}
