import * as z from "zod";
import type { Hub } from "#events/hub/hub.ts";
import { viewOf, type ObjectQuestion } from "#cli/operator/object-question.ts";
import { machineView } from "#platform/cluster-api/cluster.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

/** One function's view of one object, ready to print. */
export const explanationSchema = z.object({
  function: z.string(),
  summary: z.string(),
  /** `no work`, `work`, `not before <time>`, or `cannot be judged yet`. */
  predicate: z.string(),
  /** What it waits for or why it rests; empty when there is nothing to say. */
  state: z.string(),
  nextDue: z.string(),
  faults: z.number(),
  /** Since the hub started; empty when it has not run. */
  lastOutcome: z.string(),
});

export type Explanation = z.infer<typeof explanationSchema>;

/** Per function: predicate, last outcome, what it waits for, when it is due, attempts. Undefined when the object is unknown. */
export function explainObject(hub: Hub, question: ObjectQuestion): Explanation[] | undefined {
  const view = viewOf(question.kind);
  if (view === undefined) return undefined;
  const ref = { connection: MANAGEMENT, namespace: question.namespace, name: question.name };
  if (hub.index.entry(view.type, ref) === undefined && !ownedByMachine(hub, question)) return undefined;
  return hub.explain(ref, view).map((each) => ({
    function: each.function,
    summary: each.summary,
    predicate: predicateText(each),
    state: stateText(each),
    nextDue: each.dueAt === undefined ? "" : new Date(each.dueAt).toISOString(),
    faults: each.faults,
    lastOutcome: each.lastOutcome ?? "",
  }));
}

type HubExplanation = ReturnType<Hub["explain"]>[number];

function predicateText({ need, blockedOn }: HubExplanation): string {
  if (blockedOn.length > 0) return "cannot be judged yet";
  if (need === undefined) return "object not seen";
  if (need instanceof Date) return `not before ${need.toISOString()}`;
  return need ? "work" : "no work";
}

function stateText(explanation: HubExplanation): string {
  const { blockedOn, skipped, queued, heldBy, running } = explanation;
  if (blockedOn.length > 0) return `waiting for the first list of: ${blockedOn.join(", ")}`;
  if (running !== undefined) return running;
  if (queued) return "in line";
  if (heldBy !== undefined) return `held back until ${heldBy} answers again`;
  const kept = recordText(explanation);
  if (skipped === undefined) return kept;
  const skip = `skipped by ${skipped.by} until the spec changes (${skipped.reason})`;
  return kept === "" ? skip : `${skip}; ${kept}`;
}

function recordText({ record }: HubExplanation): string {
  switch (record?.kind) {
    case "waiting":
      return `waiting (${record.reason}) for ${record.targets.map(({ object }) => object).join(", ")}`;
    case "due":
      return `looks again (${record.reason})`;
    case "parked":
      return `parked (${record.reason}): ${record.message}`;
    case "done":
      return "done for these inputs";
    default:
      return "";
  }
}

/** A Machine without its HarvesterMachine is a question worth an empty answer rather than "unknown". */
function ownedByMachine(hub: Hub, { namespace, name }: ObjectQuestion): boolean {
  return hub.index.entry(machineView.type, { connection: MANAGEMENT, namespace, name }) !== undefined;
}
