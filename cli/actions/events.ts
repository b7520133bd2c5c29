import * as z from "zod";
import { catalogue } from "#cli/generate/events.ts";
import { renderTable } from "#cli/table.ts";
import type { Terminal } from "#cli/terminal.ts";

/** Prints the catalogue. */
export function listEvents({ json }: { json?: boolean }, terminal: Terminal): void {
  const entries = catalogue();
  if (json === true) {
    const rows = entries.map(({ data, ...entry }) => ({ ...entry, data: z.toJSONSchema(data) }));
    terminal.print(JSON.stringify(rows, undefined, 2));
    return;
  }
  const rows = entries.map(({ type, meaning, listeners }) => [
    type,
    meaning,
    listeners === "every" ? "every function" : listeners.join(", "),
  ]);
  terminal.print(renderTable(["TYPE", "MEANING", "WHO LISTENS"], rows));
}
