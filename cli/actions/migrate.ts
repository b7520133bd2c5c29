import type { ClusterFlags } from "#cli/commands/flags.ts";
import { managementClient } from "#cli/operator/management.ts";
import { renderTable } from "#cli/table.ts";
import { harvesterConnections } from "#cli/takeover/connections.ts";
import { hasBlockers, type Report, type TakeoverWorld } from "#cli/takeover/report.ts";
import { survey } from "#cli/takeover/survey.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import { createKubeClient } from "#platform/kube/rest.ts";

export interface MigrateFlags extends Omit<ClusterFlags, "namespace"> {
  readonly from: string;
  readonly back?: boolean;
  readonly execute?: boolean;
  readonly json?: boolean;
}

/** Prints what a takeover would find and do; with `--execute` does it, if nothing blocks. Throws when something does. */
export async function migrate(flags: MigrateFlags, terminal: Terminal): Promise<void> {
  const { clock, random } = terminal;
  const management = await managementClient(flags, terminal);
  const connections = harvesterConnections(management, (config) =>
    createKubeClient(config, { clock, random, userAgent: `capfn/${version}` }),
  );
  const awake = terminal.stayAwake();
  try {
    const world = { management, connections, clock };
    const report = await survey(world, flags.back === true ? "caphv" : "capfn");
    terminal.print(flags.json === true ? asJson(report) : render(report));
    if (flags.execute !== true) return;
    if (hasBlockers(report))
      throw new Error("nothing was done: deal with what blocks first, then run it again");
    await execute(report, world, terminal);
  } finally {
    awake();
    connections.close();
    management.close();
  }
}

async function execute(
  { steps, direction }: Report,
  world: TakeoverWorld,
  terminal: Terminal,
): Promise<void> {
  for (const [index, step] of steps.entries()) {
    terminal.say(`${index + 1}/${steps.length} ${step.title}`);
    await step.perform(world);
  }
  terminal.say(`done; ${next(direction)}`);
}

function asJson({ direction, findings, steps }: Report): string {
  return JSON.stringify({ to: direction, findings, steps: steps.map(({ title }) => title) });
}

function render(report: Report): string {
  const { findings, steps, direction } = report;
  const rows = findings.map(({ state, about, message }) => [state, about, message]);
  const todo =
    steps.length === 0
      ? `Nothing has to be done; ${next(direction)}`
      : ["Steps, done with --execute:", ...steps.map(({ title }, index) => `  ${index + 1}. ${title}`)].join(
          "\n",
        );
  const blocked = hasBlockers(report)
    ? ["Something blocks; nothing will be done before it is dealt with."]
    : [];
  return [renderTable(["STATE", "WHAT", "DETAILS"], rows), todo, ...blocked].join("\n\n");
}

function next(direction: Report["direction"]): string {
  return direction === "capfn"
    ? "next: apply the CustomResourceDefinitions of capfn and start it"
    : "the Go provider acts again; its own CustomResourceDefinitions need not be applied";
}
