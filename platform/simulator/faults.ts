import { seededFraction } from "#platform/simulator/seeded-choice.ts";

/** What a request to an API server is about, in the API server's own words. */
export interface ApiCall {
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, or `other` for what is no resource. */
  readonly verb: string;
  readonly group: string;
  /** Plural; empty for what is no resource, such as discovery. */
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** Which calls; every given field must match. */
export interface CallMatch {
  readonly verb?: string | readonly string[] | undefined;
  readonly resource?: string | readonly string[] | undefined;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: RegExp | undefined;
}

/** What goes wrong with a call. */
export type Fault =
  /** Answered with this status instead of being forwarded. */
  | { readonly kind: "status"; readonly code: number; readonly retryAfterSeconds?: number }
  /** Forwarded after this many milliseconds. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The connection is closed, nothing is forwarded. */
  | { readonly kind: "dropped" }
  /** Forwarded and applied; the connection is closed instead of the answer. */
  | { readonly kind: "answer-lost" }
  /** Accepted and never answered, nor forwarded. */
  | { readonly kind: "black-hole" }
  /** A watch: told that its resourceVersion is too old (`status`: as HTTP status, else as event of the stream). */
  | { readonly kind: "gone"; readonly as?: "event" | "status" }
  /** A watch: the connection is closed this many milliseconds after it began. */
  | { readonly kind: "watch-cut"; readonly afterMs: number }
  /** A watch: nothing comes any more this many milliseconds after it began, and the connection stays. */
  | { readonly kind: "watch-silent"; readonly afterMs: number };

/** One rule. The first rule that hits decides. */
export interface FaultRule {
  readonly match: CallMatch;
  readonly fault: Fault;
  /** Share of the matching calls, chosen by the seed; 1 when absent. */
  readonly probability?: number | undefined;
  /** Which of the matching calls, counted from 1 per object; all when absent. `{ upTo: 3 }` hits the first three. */
  readonly occurrence?: number | { readonly upTo: number } | undefined;
  /** Whether occurrences are counted over all objects instead of per object. */
  readonly countTogether?: boolean | undefined;
}

/** Decides which calls fail. */
export interface FaultPlan {
  /** The fault of this call, which is thereby counted; undefined when it goes well. */
  next(call: ApiCall): Fault | undefined;
  /** Adds a rule behind the others. Returns what removes it. */
  add(rule: FaultRule): () => void;
}

/**
 * A plan of faults. Whether a call is hit depends on the seed, the rule, the object and how many such calls there were for it: not on
 * the order in which calls for different objects arrive. So a run can be repeated.
 */
export function faultPlan(seed: number | string, initial: readonly FaultRule[] = []): FaultPlan {
  let added = 0;
  const rules: { readonly id: number; readonly rule: FaultRule; readonly counts: Map<string, number> }[] = [];
  const add = (rule: FaultRule): (() => void) => {
    const entry = { id: (added += 1), rule, counts: new Map<string, number>() };
    rules.push(entry);
    return () => {
      const at = rules.indexOf(entry);
      if (at >= 0) rules.splice(at, 1);
    };
  };
  for (const rule of initial) add(rule);
  return {
    add,
    next: (call) => {
      let hit: Fault | undefined;
      for (const { id, rule, counts } of rules) {
        if (!matches(rule.match, call)) continue;
        const object =
          rule.countTogether === true ? "" : `${call.verb} ${call.resource} ${call.namespace}/${call.name}`;
        const count = (counts.get(object) ?? 0) + 1;
        counts.set(object, count);
        const chosen = seededFraction(seed, `${id} ${object} ${count}`) < (rule.probability ?? 1);
        // Later rules count too, so that a rule's occurrences do not depend on the rules before it.
        if (hit === undefined && chosen && isOccurrence(rule.occurrence, count)) hit = rule.fault;
      }
      return hit;
    },
  };
}

/** Whether a call is one of those meant. */
export function matches(match: CallMatch, call: ApiCall): boolean {
  return (
    isOneOf(match.verb, call.verb) &&
    isOneOf(match.resource, call.resource) &&
    isOneOf(match.subresource, call.subresource) &&
    isOneOf(match.namespace, call.namespace) &&
    (match.name === undefined || match.name.test(call.name))
  );
}

function isOneOf(wanted: string | readonly string[] | undefined, value: string): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === "string" ? wanted === value : wanted.includes(value);
}

function isOccurrence(wanted: FaultRule["occurrence"], count: number): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === "number" ? count === wanted : count <= wanted.upTo;
}
