import * as z from "zod";
import { readNotes } from "#events/hub/note.ts";
import type { SeenMeta } from "#platform/kube/view.ts";

/** Annotation in which a person says, per function, that it is not to be tried on this object before the spec changes. */
export const SKIP_ANNOTATION = "capfn.dev/skip";

const skipSchema = z.object({
  /** User of the kubeconfig it was said with. */
  by: z.string(),
  reason: z.string(),
  /** RFC 3339. */
  at: z.string(),
  /** `metadata.generation` it was said of; any other means that the spec has changed since. */
  generation: z.number(),
});

/** A person's word that a function is to leave the object alone: who, why, when, and for which generation. */
export type Skip = z.infer<typeof skipSchema>;

const skipsSchema = z.record(z.string(), skipSchema);

/** What of an object's metadata decides whether a skip still holds. */
type SkippedObject = Pick<SeenMeta, "generation" | "deletionTimestamp">;

/** The skip that holds for a function now. None holds on an object that is being deleted: a deletion is always let through. */
export function skipInForce(text: string | undefined, fn: string, object: SkippedObject): Skip | undefined {
  return text === undefined ? undefined : skipsInForce(text, object)[fn];
}

/** All skips that hold, by function. What is damaged counts as nothing: then the work is done. */
export function skipsInForce(
  text: string | undefined,
  { generation, deletionTimestamp }: SkippedObject,
): Readonly<Record<string, Skip>> {
  if (text === undefined || deletionTimestamp !== undefined) return {};
  const skips = Object.entries(parse(text));
  return Object.fromEntries(skips.filter(([, skip]) => skip.generation === (generation ?? 0)));
}

/** The annotation with these skips in it; null when there is none. */
export function writeSkips(skips: Readonly<Record<string, Skip>>): string | null {
  return Object.keys(skips).length === 0 ? null : JSON.stringify(skips);
}

/**
 * What a person said of parked work, as far as it holds: a part of what we look at, so that a replay or a skip is noticed like any change of the
 * object. Undefined in the normal case, where nobody said anything.
 */
export function personsWord(
  note: string | undefined,
  skips: string | undefined,
  object: SkippedObject,
): unknown {
  if (note === undefined && skips === undefined) return undefined;
  const replayed = Object.entries(readNotes(note)).flatMap(([fn, { replayed: asked }]) =>
    asked === undefined ? [] : [[fn, asked.at]],
  );
  const skipped = Object.keys(skipsInForce(skips, object)).toSorted();
  return replayed.length === 0 && skipped.length === 0 ? undefined : { replayed, skipped };
}

function parse(text: string): Readonly<Record<string, Skip>> {
  try {
    return skipsSchema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}
