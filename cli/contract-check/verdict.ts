import type { ClauseId } from "#cli/contract-check/clauses.ts";

/** What was found of one clause on one kind or object. */
export type Verdict = {
  readonly clause: ClauseId;
  /** The kind, or `<kind> <namespace>/<name>`. */
  readonly on: string;
} & (
  | { readonly state: "kept" }
  /** `seen`: what is there instead; `mend`: what to change. */
  | { readonly state: "broken"; readonly seen: string; readonly mend: string }
  /** `seen`: why not. */
  | { readonly state: "not looked at"; readonly seen: string }
);

export function kept(clause: ClauseId, on: string): Verdict {
  return { state: "kept", clause, on };
}

export function broken(clause: ClauseId, on: string, found: { seen: string; mend: string }): Verdict {
  return { state: "broken", clause, on, ...found };
}

export function notLookedAt(clause: ClauseId, on: string, why: string): Verdict {
  return { state: "not looked at", clause, on, seen: why };
}

/** Kept when nothing was found to be wrong. */
export function judged(
  clause: ClauseId,
  on: string,
  found: { seen: string; mend: string } | undefined,
): Verdict {
  return found === undefined ? kept(clause, on) : broken(clause, on, found);
}
