import { readBackup } from "#cli/backup/files.ts";
import type { ClusterFlags } from "#cli/commands/flags.ts";
import { managementClient } from "#cli/operator/management.ts";
import { performRestore } from "#cli/restore/perform.ts";
import { absent, planRestore, type RestorePlan } from "#cli/restore/plan.ts";
import { shown } from "#cli/restore/stored-object.ts";
import { unpause } from "#cli/restore/unpause.ts";
import { renderTable } from "#cli/table.ts";
import type { Terminal } from "#cli/terminal.ts";
import type { KubeClient } from "#platform/kube/client.ts";

export interface RestoreFlags extends Omit<ClusterFlags, "namespace"> {
  readonly execute?: boolean;
  readonly unpause?: boolean;
  readonly json?: boolean;
}

/** Prints what a restore would create; with `--execute` creates it, paused; with `--unpause` lets it go. Throws when something speaks against it. */
export async function restore(directory: string, flags: RestoreFlags, terminal: Terminal): Promise<void> {
  const backup = await readBackup(directory);
  const client = await managementClient(flags, terminal);
  const awake = terminal.stayAwake();
  try {
    const plan = await planRestore(client, backup);
    if (flags.unpause === true) await letGo(client, plan, terminal);
    else {
      terminal.print(flags.json === true ? asJson(plan) : render(plan));
      if (flags.execute === true) await create(client, plan, terminal);
    }
  } finally {
    awake();
    client.close();
  }
}

async function create(client: KubeClient, plan: RestorePlan, terminal: Terminal): Promise<void> {
  if (plan.problems.length > 0)
    throw new Error("nothing was done: mend what is said above, then run it again");
  const created = await performRestore(client, plan.objects, (line) => terminal.say(line));
  terminal.say(
    `${created} objects were created, all of them paused. Look at them, then let them go with --unpause`,
  );
}

/** Only a backup that is here as a whole is let go: a Machine whose infrastructure is missing would be replaced. */
async function letGo(
  client: KubeClient,
  { objects, problems }: RestorePlan,
  terminal: Terminal,
): Promise<void> {
  const missing = absent(objects);
  if (objects.length === 0 || missing.length > 0) {
    const what = missing.length > 0 ? `not here: ${missing.join(", ")}` : problems.join("; ");
    throw new Error(
      `nothing was let go, because the backup is not restored as a whole; ${what}; run it with --execute first`,
    );
  }
  const gone = await unpause(client, objects);
  terminal.print(gone.length === 0 ? "nothing is paused by a restore" : `let go: ${gone.join(", ")}`);
}

function asJson({ objects, problems, notes }: RestorePlan): string {
  const list = objects.map((planned) => ({ object: shown(planned), exists: planned.existing !== undefined }));
  return JSON.stringify({ objects: list, problems, notes });
}

function render({ objects, problems, notes }: RestorePlan): string {
  const kinds = [...new Set(objects.map(({ type }) => type.kind))];
  const rows = kinds.map((kind) => {
    const all = objects.filter(({ type }) => type.kind === kind);
    const here = all.filter(({ existing }) => existing !== undefined).length;
    return [kind, String(all.length - here), String(here)];
  });
  return [
    renderTable(["KIND", "TO CREATE", "HERE ALREADY"], rows),
    ...notes.map((line) => `note: ${line}`),
    ...problems.map((line) => `problem: ${line}`),
  ].join("\n");
}
