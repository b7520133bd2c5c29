import * as z from "zod";
import { viewOf, type ObjectQuestion } from "#cli/operator/object-question.ts";
import { objectName } from "#events/hub/names.ts";
import type { LinkedStep, TraceMemory } from "#events/hub/trace-memory.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

/** One ended run, as `/trace` answers it. */
export const tracedStepSchema = z.object({
  /** `<function>/<attempt>`. */
  id: z.string(),
  function: z.string(),
  /** What it was for: `<API server> <resource> <namespace>/<name>`. */
  object: z.string(),
  /** RFC 3339, end of the run. */
  at: z.string(),
  durationMs: z.number(),
  outcome: z.string(),
  reason: z.string(),
  /** Id of the event that led to it; of a change uid and resourceVersion. */
  causationid: z.string(),
  cause: z.object({ type: z.string(), source: z.string(), time: z.string() }),
  /** Id of the step whose write that event was; absent when it came from outside. */
  causedBy: z.string().exactOptional(),
  writes: z.array(
    z.object({
      verb: z.string(),
      api: z.string(),
      resource: z.string(),
      namespace: z.string().exactOptional(),
      name: z.string(),
    }),
  ),
  /** Writes beyond those that are remembered. */
  writesLeftOut: z.number(),
});

export type TracedStepAnswer = z.infer<typeof tracedStepSchema>;

/** What the hub remembers of an object's last runs and what led to them, oldest first. Undefined for a kind nobody knows. */
export function traceObject(trace: TraceMemory, question: ObjectQuestion): TracedStepAnswer[] | undefined {
  const view = viewOf(question.kind);
  if (view === undefined) return undefined;
  const { namespace, name } = question;
  return trace.of(objectName(view.type, { connection: MANAGEMENT, namespace, name })).map(answerOf);
}

function answerOf(step: LinkedStep): TracedStepAnswer {
  const { id, type, source, time } = step.cause;
  return {
    id: step.id,
    function: step.function,
    object: step.object.replaceAll("|", " "),
    at: new Date(step.endedAt).toISOString(),
    durationMs: step.durationMs,
    outcome: step.outcome,
    reason: step.reason,
    causationid: id,
    cause: { type, source, time },
    ...(step.causedBy !== undefined && { causedBy: step.causedBy }),
    writes: step.writes.map(({ verb, connection, resource, namespace, name }) => ({
      verb,
      api: connection,
      resource,
      ...(namespace !== undefined && { namespace }),
      name,
    })),
    writesLeftOut: step.writesLeftOut,
  };
}
