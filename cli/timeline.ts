import type { ObjectEvent } from "#cli/operator/object-events.ts";
import type { TracedStepAnswer } from "#cli/operator/trace-answer.ts";
import { renderTable } from "#cli/table.ts";

interface Line {
  readonly at: string;
  readonly cells: readonly string[];
}

/** One line per cause, step and Kubernetes Event, by time. Steps say what led to them: another step, or an event. */
export function renderTimeline({
  steps,
  events,
}: {
  steps: readonly TracedStepAnswer[];
  events: readonly ObjectEvent[];
}): string {
  const lines = [...causes(steps), ...steps.map(stepLine), ...events.map(eventLine)];
  const sorted = lines.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return renderTable(
    ["TIME", "WHAT", "OUTCOME", "TOOK", "BECAUSE OF", "WROTE"],
    sorted.map(({ at, cells }) => [at, ...cells]),
  );
}

/** What came from outside, each once. */
function causes(steps: readonly TracedStepAnswer[]): Line[] {
  const outside = steps.filter(({ causedBy }) => causedBy === undefined);
  const byId = new Map(outside.map(({ causationid, cause }) => [causationid, cause]));
  return [...byId].map(([id, { type, time }]) => ({ at: time, cells: [type, "", "", id, ""] }));
}

function stepLine(step: TracedStepAnswer): Line {
  const { at, outcome, reason, durationMs, causedBy, cause, writes, writesLeftOut } = step;
  const wrote = writes.map(({ verb, api, resource, namespace, name }) =>
    `${verb} ${resource} ${namespace === undefined ? name : `${namespace}/${name}`} (${api})`.trim(),
  );
  const more = writesLeftOut === 0 ? [] : [`${writesLeftOut} more`];
  return {
    at,
    cells: [
      step.id,
      reason === "" ? outcome : `${outcome}: ${reason}`,
      `${Math.round(durationMs)} ms`,
      causedBy ?? cause.type,
      [...wrote, ...more].join(", "),
    ],
  };
}

function eventLine({ at, type, reason, message }: ObjectEvent): Line {
  return { at, cells: [`Event ${reason}`, type === "Normal" ? message : `${type}: ${message}`, "", "", ""] };
}
