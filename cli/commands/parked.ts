import { Option, type Command } from "commander";
import type { ParkedFlags } from "#cli/actions/parked.ts";
import type { ReplayFlags } from "#cli/actions/replay.ts";
import type { SkipFlags } from "#cli/actions/skip.ts";
import { quietClusterOptions } from "#cli/commands/flags.ts";
import { objectArgument, type NamedObject } from "#cli/commands/object-argument.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn parked`, `capfn replay`, `capfn skip`: work that waits for a person. */
export function addParkedCommands(program: Command, terminal: Terminal): void {
  addParked(program, terminal);
  addReplay(program, terminal);
  addSkip(program, terminal);
}

function addParked(program: Command, terminal: Terminal): void {
  const command = program
    .command("parked")
    .summary("list what functions have given up on, and what a person can do")
    .description(
      "A function that has tried ten times within half an hour, or has found that no repetition helps, parks the object: it does nothing more\n" +
        "for it until what it rests on changes, or a person says so. Lists such objects, with function, reason, attempts and the mend.\n" +
        "Reads the objects only: no hub needs to run, and nothing is written.",
    );
  for (const option of quietClusterOptions) command.addOption(option);
  command
    .addOption(new Option("--json", "print one JSON array"))
    .addHelpText("after", "\nExamples:\n  capfn parked\n  capfn parked -n demo --json")
    .action(async (flags: ParkedFlags) => (await import("#cli/actions/parked.ts")).parked(flags, terminal));
}

function addReplay(program: Command, terminal: Terminal): void {
  const command = program
    .command("replay")
    .summary("have parked or skipped work tried again")
    .description(
      "Takes park and skip off the object. The hub that runs, or the next one, tries again at once, with a fresh budget of attempts.\n" +
        "Nothing is forced: a function that has no work does nothing. Doing it twice does nothing more.",
    )
    .addArgument(objectArgument());
  for (const option of quietClusterOptions) command.addOption(option);
  command
    .addOption(new Option("--function <name>", "only this function; all of the object when left out"))
    .addHelpText(
      "after",
      "\nExamples:\n  capfn replay machine/worker-1 -n demo\n  capfn replay machine/demo/worker-1 --function vm-create",
    )
    .action(async (object: NamedObject, flags: ReplayFlags) =>
      (await import("#cli/actions/replay.ts")).replay(object, flags, terminal),
    );
}

function addSkip(program: Command, terminal: Terminal): void {
  const command = program
    .command("skip")
    .summary("have a function leave an object alone until its spec changes")
    .description(
      "Writes on the object, in the annotation capfn.dev/skip, who said so, why and when; `capfn why` and `capfn parked` show it.\n" +
        "It ends by itself when the spec changes or the object is deleted, and with `capfn replay`. What a deletion consists of cannot be skipped.",
    )
    .addArgument(objectArgument());
  for (const option of quietClusterOptions) command.addOption(option);
  command
    .addOption(
      new Option("--function <name>", "the function that is to leave it alone").makeOptionMandatory(),
    )
    .addOption(new Option("--reason <text>", "why, for whoever finds the object later").makeOptionMandatory())
    .addHelpText(
      "after",
      "\nExample:\n  capfn skip machine/demo/worker-1 --function vm-create --reason 'no GPU host before May'",
    )
    .action(async (object: NamedObject, flags: SkipFlags) =>
      (await import("#cli/actions/skip.ts")).skip(object, flags, terminal),
    );
}
