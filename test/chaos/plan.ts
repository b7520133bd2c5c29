import * as z from "zod";

/** Where a call goes: the API servers M, H and W, or E, a member of a workload cluster's etcd. */
const edge = z.enum(["M", "H", "W", "E"]);

const callTriggerSchema = z.strictObject({
  at: z.literal("call"),
  /** Function that makes the call, or `hub` for what hub, sources and reporter ask themselves. */
  by: z.string(),
  api: edge,
  verb: z.string(),
  /** Plural, with `/<subresource>`. */
  resource: z.string(),
  /** Name with the trial's id written as TRIAL; empty for a collection. */
  name: z.string(),
  /** Which of the calls with all of the above, from 1. */
  nth: z.number().int().positive(),
});

const deltaTriggerSchema = z.strictObject({
  at: z.literal("delta"),
  api: z.enum(["M", "H", "W"]),
  resource: z.string(),
  name: z.string(),
  /** Which of the object's deltas the hub hears, from 1. */
  nth: z.number().int().positive(),
});

const triggerSchema = z.discriminatedUnion("at", [callTriggerSchema, deltaTriggerSchema]);

const unreachableSchema = z.strictObject({
  /** From this call on the member of etcd that is called is cut off for this long. */
  kind: z.literal("unreachable"),
  forMs: z.number(),
});

const atCallSchema = z.strictObject({
  kind: z.enum([
    // The operator is gone before the request leaves.
    "crash-before",
    // The operator is gone after the API server has answered.
    "crash-after",
    // Applied; the connection is reset instead of the answer.
    "answer-lost",
    // Not applied; answered with this.
    "error-409",
    "error-429",
    "error-500",
    "error-timeout",
  ]),
});

const atDeltaSchema = z.discriminatedUnion("kind", [
  /** Delivered twice in a row. */
  z.strictObject({ kind: z.literal("dup") }),
  /** Delivered once more after the next delta of the object: an old version after a newer one. */
  z.strictObject({ kind: z.literal("dup-late") }),
  /** Never delivered; the object's next delta is. Later ones of the stream wait for that. */
  z.strictObject({ kind: z.literal("unobserved") }),
  /** The watch closes before it; what happens in the next `forMs` is only told by a new list. */
  z.strictObject({ kind: z.literal("gap"), forMs: z.number() }),
  /** Waits until this delta of another watch has been delivered. */
  z.strictObject({ kind: z.literal("swap"), behind: deltaTriggerSchema }),
  /** The API server's watches and lists stay at this moment for `forMs`; reads of single objects are live. */
  z.strictObject({ kind: z.literal("stale"), forMs: z.number() }),
  /** As `stale`; when the delta's object exists under a new uid, or after `forMs`, the operator is restarted on the stale view, which lasts `forMs` more. */
  z.strictObject({ kind: z.literal("stale-restart"), forMs: z.number() }),
]);

const pausedHubSchema = z.strictObject({
  /** The operator is paused for `forMs`, a second one starts with the stored ledger, then both go on. */
  kind: z.literal("two-hubs"),
  forMs: z.number(),
});

const faultSchema = z.union([atCallSchema, unreachableSchema, atDeltaSchema, pausedHubSchema]);

const planSchema = z.strictObject({
  /** Seed of the campaign that made it; decides the jitter of backoffs. */
  seed: z.number(),
  scenario: z.string(),
  faults: z.array(z.strictObject({ fault: faultSchema, trigger: triggerSchema })),
  /** Longest run of an attempt, when it is not the functions' own. */
  attemptMs: z.number().optional(),
});

export type CallTrigger = z.infer<typeof callTriggerSchema>;
export type DeltaTrigger = z.infer<typeof deltaTriggerSchema>;
export type Trigger = z.infer<typeof triggerSchema>;
export type Fault = z.infer<typeof faultSchema>;
/** What goes wrong in a trial, and when. A file of it is replayed by `npm run soak -- --plan <file>`. */
export type Plan = z.infer<typeof planSchema>;

export function parsePlan(text: string): Plan {
  return planSchema.parse(JSON.parse(text));
}

/** One line for people. */
export function describePlan({ scenario, faults }: Plan): string {
  const parts = faults.map(({ fault, trigger }) => `${fault.kind} at ${describeTrigger(trigger)}`);
  return `${scenario}: ${parts.join(" + ")}`;
}

export function describeTrigger(trigger: Trigger): string {
  const { api, resource, name, nth } = trigger;
  const what =
    trigger.at === "call" ? `${trigger.by} ${trigger.verb} ${api}:${resource}` : `delta ${api}:${resource}`;
  return `${what} ${name} #${nth}`;
}
