import * as z from "zod";
import type { Cause } from "#functions/contract/function.ts";
import { causeSchema, UnfitData } from "#functions/contract/step-data.ts";

/** A dispatch as a function gets it. */
export interface ReceivedDispatch {
  /** `<epoch>.<n>`. */
  readonly token: string;
  /** Whose dispatch it is: a later leader's is higher. */
  readonly epoch: number;
  /** Nothing else of this key runs meanwhile. */
  readonly key: string;
  readonly data: unknown;
  readonly cause: Cause;
}

const causedSchema = z.object({
  causationid: z.unknown(),
  type: z.unknown(),
  source: z.unknown(),
  time: z.unknown(),
});

const attemptSchema = z.object({
  attempt: z.string().regex(/^\d+\.\d+$/),
  function: z.string(),
  partitionkey: z.string().optional(),
  data: z.unknown(),
});

/** What caused a dispatch, as its event says. Throws {@link UnfitData}. */
export function causeOf(event: unknown): Cause {
  const { causationid: id, type, source, time } = causedSchema.safeParse(event).data ?? {};
  const parsed = causeSchema.safeParse({ id, type, source, time });
  if (parsed.success) return parsed.data;
  throw new UnfitData("the event names no cause of the catalogue: causationid, type, source, time");
}

/**
 * The dispatch in a CloudEvent of the hub, as the SDK or a JSON parser has read it. Throws {@link UnfitData} when it is none: when the attributes function
 * and attempt, or a cause of the catalogue, are missing.
 */
export function receivedDispatch(event: unknown): ReceivedDispatch {
  const parsed = attemptSchema.safeParse(event);
  if (!parsed.success)
    throw new UnfitData("the event names no attempt of the hub: attributes function and attempt");
  const { attempt: token, partitionkey: key = token, data } = parsed.data;
  return { token, epoch: Number(token.split(".")[0]), key, data, cause: causeOf(event) };
}
