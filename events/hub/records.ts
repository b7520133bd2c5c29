import * as z from "zod";

/**
 * An object whose change ends a wait, as it is kept: its name across all collections, and the digest that was seen, or `absent`. With `terms`
 * only a free place ends it, or places on other terms.
 */
const waitTargetSchema = z.object({
  object: z.string(),
  seen: z.string(),
  terms: z.string().exactOptional(),
});

/**
 * What is remembered of one item (function, object uid) between two runs, one union, because a part of it alone would be wrong: a
 * remembered hash without its wait would be a lost step. `hash` covers function, bundle and the inputs of the snapshot handed out.
 */
const recordSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("done"), hash: z.string() }),
  z.object({
    kind: z.literal("waiting"),
    hash: z.string(),
    targets: z.array(waitTargetSchema),
    /** Wall clock ms. */
    deadline: z.number(),
    reason: z.string(),
  }),
  z.object({ kind: z.literal("due"), hash: z.string(), at: z.number(), reason: z.string() }),
  z.object({ kind: z.literal("parked"), hash: z.string(), reason: z.string(), message: z.string() }),
]);

export type LedgerRecord = z.infer<typeof recordSchema>;
export type WaitRecord = Extract<LedgerRecord, { kind: "waiting" }>;
export type AwaitedObject = WaitRecord["targets"][number];

/** The ledger as it is stored: restored whole or discarded whole. */
export const ledgerSnapshotSchema = z.object({
  format: z.literal(1),
  /** The first part of every attempt token; larger in each life of the hub. */
  epoch: z.number(),
  /** Highest resourceVersion heard per collection: a restart lists nothing older. */
  versions: z.record(z.string(), z.string()),
  /** Connection -> uid of the `kube-system` Namespace there: a cluster made anew under the same name is another, and its versions start over. */
  clusters: z.record(z.string(), z.string()).default({}),
  /** Item id `<function>/<uid>` -> record. */
  records: z.record(z.string(), recordSchema),
});

export type LedgerSnapshot = z.infer<typeof ledgerSnapshotSchema>;

/** Where the ledger is kept between two lives of the hub. */
export interface LedgerStore {
  /** The last snapshot, or undefined when there is none or it is damaged: then everything is looked at again. */
  load(): Promise<LedgerSnapshot | undefined>;
  save(snapshot: LedgerSnapshot): Promise<void>;
}
