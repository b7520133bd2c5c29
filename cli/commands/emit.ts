import { InvalidArgumentError, Option, type Command } from "commander";
import { clusterOptions, hubOptions, positiveInteger } from "#cli/commands/flags.ts";
import type { EmitFlags, EventObject } from "#cli/actions/emit.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn emit <type> --for machine/x`: makes an event happen. */
export function addEmitCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("emit")
    .summary("make an event of the catalogue happen")
    .description(
      "Writes an EventInjection and waits until it is taken; with --hub it posts a CloudEvent to a running hub's /events instead.\n" +
        "An event is a hint: who is woken looks at the world itself, so no event can make capfn do what the world does not ask for.",
    )
    .argument("<type>", "type of the event, e.g. machine.changed; see `capfn events list`")
    .addOption(
      new Option("--for <object>", "the object it is about: <kind>/<name> or <kind>/<namespace>/<name>")
        .argParser(parseObject)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--data <key=value>", "data of the event; may be given several times")
        .argParser(collectData)
        .default({}, "none"),
    );
  for (const option of clusterOptions) {
    if (["--kubeconfig", "--context", "--namespace"].includes(option.long ?? "")) command.addOption(option);
  }
  for (const option of hubOptions) command.addOption(option);
  command
    .addOption(
      new Option("--timeout-seconds <n>", "how long to wait until the EventInjection is taken")
        .argParser((text) => positiveInteger("--timeout-seconds", text))
        .default(10),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  capfn emit machine.changed --for machine/worker-1 -n demo\n" +
        "  capfn emit machine.changed --for machine/demo/worker-1 --hub http://localhost:9443 --token-file token",
    )
    .action(async (type: string, flags: EmitFlags) =>
      (await import("#cli/actions/emit.ts")).emit(type, flags, terminal),
    );
}

function parseObject(text: string): EventObject {
  const [kind = "", second = "", third] = text.split("/");
  if (kind === "" || second === "" || third === "")
    throw new InvalidArgumentError(`"${text}" is no object; write <kind>/<name>, e.g. machine/worker-1.`);
  return third === undefined ? { kind, name: second } : { kind, namespace: second, name: third };
}

function collectData(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf("=");
  if (at <= 0) throw new InvalidArgumentError(`--data takes <key>=<value>, not "${text}".`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
