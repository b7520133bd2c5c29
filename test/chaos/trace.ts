import type { CallTrigger, DeltaTrigger } from "#test/chaos/plan.ts";

/** One external call as it happened: its trigger names it. */
export interface TracedCall extends CallTrigger {
  readonly life: number;
  /** HTTP status, or what was thrown. */
  readonly answer: string;
  /** Whether anything changed by it. */
  readonly effective: boolean;
}

/** One delta as the hub heard it. */
export interface TracedDelta extends DeltaTrigger {
  readonly life: number;
  readonly type: "added" | "modified" | "deleted";
  /** Label of the object's uid: a namesake has another. */
  readonly incarnation: number;
  readonly deleting: boolean;
}

export type TraceEntry = TracedCall | TracedDelta;

/** The trace of a run as JSON lines. */
export function toJsonLines(trace: readonly TraceEntry[]): string {
  return trace.map((entry) => `${JSON.stringify(entry)}\n`).join("");
}

/** What a call or delta is, without which of several it is. */
export function signatureOf(entry: TraceEntry): string {
  const { api, resource, name } = entry;
  return entry.at === "call"
    ? `${entry.by} ${entry.verb} ${api}:${resource} ${name}`
    : `delta ${api}:${resource} ${name}`;
}

export const writes: ReadonlySet<string> = new Set([
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
]);
