import type { ClusterFlags } from "#cli/commands/flags.ts";
import { allFunctions } from "#cli/functions.ts";
import { managementClient } from "#cli/operator/management.ts";
import { parkedItems, type ParkedItem } from "#cli/operator/parked-items.ts";
import { renderTable } from "#cli/table.ts";
import type { Terminal } from "#cli/terminal.ts";

export interface ParkedFlags extends ClusterFlags {
  readonly json?: boolean;
}

/** Prints what functions have given up on, since when, and what a person can do. Reads the objects only; no hub needs to run. */
export async function parked(flags: ParkedFlags, terminal: Terminal): Promise<void> {
  const client = await managementClient(flags, terminal);
  try {
    const items = await parkedItems(client, allFunctions, flags.namespace);
    terminal.print(flags.json === true ? JSON.stringify(items) : renderParked(items, flags.namespace));
  } finally {
    client.close();
  }
}

function renderParked(items: readonly ParkedItem[], namespace: string | undefined): string {
  if (items.length === 0) {
    return namespace === undefined ? "nothing is parked" : `nothing is parked in namespace ${namespace}`;
  }
  const rows = items.map((item) => [
    item.object,
    item.function,
    item.state,
    item.reason,
    item.since,
    item.attempts === 0 ? "" : String(item.attempts),
    item.skipped?.by ?? "",
  ]);
  const header = ["OBJECT", "FUNCTION", "STATE", "REASON", "SINCE", "ATTEMPTS", "SKIPPED BY"];
  return [renderTable(header, rows), ...items.map(renderTodo)].join("\n\n");
}

function renderTodo({ object, function: fn, message, skipped, todo }: ParkedItem): string {
  const [sentence = "", ...commands] = todo;
  const said = [...(message === "" ? [] : [message]), ...(skipped === undefined ? [] : [skipped.reason])];
  return [
    `${fn} of ${object}: ${said.join("; ")}`,
    `  ${sentence}`,
    ...commands.map((line) => `    ${line}`),
  ].join("\n");
}
