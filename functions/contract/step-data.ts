import * as z from "zod";
import { isEventType, type EventType } from "#events/catalog/types.ts";
import type { Cause, WaitEnd } from "#functions/contract/cause.ts";
import type { ResourceView, Seen, SeenMeta } from "#platform/kube/view.ts";

/** What a step is handed for one item, as JSON: projections only, so what no view names, such as the content of Secrets, is not in it. */
export interface ItemData {
  readonly object: unknown;
  readonly related: unknown;
  readonly unknown: readonly string[];
  readonly wait?: WaitEnd | undefined;
  /** Only in a batch; otherwise the event itself says it. */
  readonly cause?: Cause | undefined;
}

/** Data of one dispatch: an item, or for a batch function all items of its key. */
export type StepData = ItemData | { readonly items: readonly ItemData[] };

/** Data that does not fit what the function looks at. Not ours to try: no repetition will help. */
export class UnfitData extends Error {
  override readonly name = "UnfitData";
}

const metaSchema = z.object({
  connection: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.number().optional(),
  deletionTimestamp: z.string().optional(),
  creationTimestamp: z.string().optional(),
});

/** Why a step runs, as it comes over the wire. */
export const causeSchema: z.ZodType<Cause> = z.object({
  id: z.string(),
  type: z.custom<EventType>((type) => typeof type === "string" && isEventType(type)),
  source: z.string(),
  time: z.string(),
});

const itemSchema = z.object({
  object: z.unknown(),
  related: z.record(z.string(), z.unknown()),
  unknown: z.array(z.string()),
  wait: z.enum(["fulfilled", "timedOut", "superseded"]).optional(),
  cause: causeSchema.optional(),
});

/** The data of a dispatch as JSON: one item, or all items of a key. */
export const stepDataSchema = z.union([itemSchema, z.object({ items: z.array(itemSchema) })]);

/** One item of an event as it came over the wire, read by the views of its function. */
export type ReadItem = z.infer<typeof itemSchema>;

/** One object as its view sees it, out of JSON. Throws {@link UnfitData}; the message names the field, not its value. */
export function readSeen<P>(view: ResourceView<P>, value: unknown): Seen<P> {
  const body = fit(view.type.kind, view.schema, value);
  const { meta } = fit(view.type.kind, z.object({ meta: metaSchema }), value);
  const identity: SeenMeta = meta;
  return { ...body, meta: identity };
}

/** The items of a dispatch. Throws {@link UnfitData}. */
export function readItems(data: unknown, batch: boolean): readonly ReadItem[] {
  return batch
    ? fit("data", z.object({ items: z.array(itemSchema) }), data).items
    : [fit("data", itemSchema, data)];
}

function fit<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`).join(", ");
  throw new UnfitData(`${what} does not fit: ${fields}`);
}
