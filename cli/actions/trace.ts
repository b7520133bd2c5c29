import * as z from "zod";
import type { ClusterFlags } from "#cli/commands/flags.ts";
import type { NamedObject } from "#cli/commands/object-argument.ts";
import { managementClient } from "#cli/operator/management.ts";
import { objectEvents, type ObjectEvent } from "#cli/operator/object-events.ts";
import type { ObjectQuestion } from "#cli/operator/object-question.ts";
import { questionOf, targetOf } from "#cli/operator/own-functions.ts";
import { tracedStepSchema, type TracedStepAnswer } from "#cli/operator/trace-answer.ts";
import { renderTimeline } from "#cli/timeline.ts";
import type { Terminal } from "#cli/terminal.ts";

export interface TraceFlags extends ClusterFlags {
  readonly json?: boolean;
  /** URL of a running hub's health address. */
  readonly hub: string;
}

/** Prints what happened to an object, from the cause to the last write: the hub's memory and the Kubernetes Events on it. */
export async function trace(object: NamedObject, flags: TraceFlags, terminal: Terminal): Promise<void> {
  const question = questionOf(object, flags.namespace);
  const target = targetOf(question);
  const client = await managementClient(flags, terminal);
  try {
    const [steps, events] = await Promise.all([
      remembered(flags.hub, question),
      objectEvents(client, target.type, target.ref),
    ]);
    if (steps === undefined) terminal.say(silentHub(flags));
    print({ steps: steps ?? [], events }, target.shown, flags, terminal);
  } finally {
    client.close();
  }
}

function print(
  found: { steps: readonly TracedStepAnswer[]; events: readonly ObjectEvent[] },
  shown: string,
  flags: TraceFlags,
  terminal: Terminal,
): void {
  if (flags.json === true) terminal.print(JSON.stringify({ object: shown, ...found }));
  else if (found.steps.length + found.events.length > 0) terminal.print(renderTimeline(found));
  else
    terminal.print(
      `nothing is remembered of ${shown}: nothing happened since the hub started, or too much happened elsewhere`,
    );
}

/** The running hub's memory; undefined when no hub answers there. */
async function remembered(
  hub: string,
  { kind, namespace, name }: ObjectQuestion,
): Promise<readonly TracedStepAnswer[] | undefined> {
  let answer: Response;
  try {
    answer = await fetch(new URL(`/trace/${kind}/${namespace}/${name}`, hub));
  } catch {
    return undefined;
  }
  if (!answer.ok)
    throw new Error(`${hub} answers ${answer.status}; --hub takes the health address of the hub that leads`);
  return z.array(tracedStepSchema).parse(await answer.json());
}

function silentHub({ hub }: TraceFlags): string {
  return `no hub answers at ${hub}, so only Kubernetes Events are shown; reach it with: kubectl -n capfn-system port-forward deployment/capfn 9440`;
}
