import type { Command } from "commander";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn events list`: the catalogue. */
export function addEventsCommand(program: Command, terminal: Terminal): void {
  const events = program
    .command("events")
    .summary("the catalogue of events")
    .description("What can happen, when, and which function listens. The same as a page: docs/events.md.");
  events
    .command("list")
    .summary("list every event type")
    .description("Lists every event type with its meaning and the functions that listen.")
    .option("--json", "print one JSON array, with source, subject, occasion and the JSON schema of the data")
    .addHelpText("after", "\nExamples:\n  capfn events list\n  capfn events list --json")
    .action(async (flags: { json?: boolean }) =>
      (await import("#cli/actions/events.ts")).listEvents(flags, terminal),
    );
}
