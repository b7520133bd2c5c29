import { wordFor } from "#cli/operator/object-question.ts";
import { readNotes, type FunctionNote } from "#events/hub/note.ts";
import { skipsInForce, SKIP_ANNOTATION, type Skip } from "#events/hub/persons-word.ts";
import { NOTE_ANNOTATION } from "#events/hub/projection.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";

/** One function that has given up on one object, or was told to leave it alone. */
export interface ParkedItem {
  /** As commands take it: `machine/<namespace>/<name>`. */
  readonly object: string;
  readonly function: string;
  readonly state: "parked" | "skipped";
  /** Empty when it was skipped without having given up. */
  readonly reason: string;
  readonly message: string;
  /** RFC 3339: the first of the attempts that failed, or when it was skipped. */
  readonly since: string;
  /** Attempts that failed; 0 when the step itself said at once that no repetition helps. */
  readonly attempts: number;
  readonly skipped?: Skip;
  /** What a person can do now, a sentence and command lines. */
  readonly todo: readonly string[];
}

/** What is parked or skipped, as it stands on the objects themselves; the longest first. */
export async function parkedItems(
  client: KubeReader,
  functions: readonly StepFunction[],
  namespace: string | undefined,
): Promise<ParkedItem[]> {
  const found: ParkedItem[] = [];
  for (const type of new Set(functions.map((fn) => fn.for.type))) {
    const names = functions.filter((fn) => fn.for.type === type).map(({ name }) => name);
    try {
      for await (const object of client.list(type, { namespace }))
        found.push(...itemsOf(object, type).filter((item) => names.includes(item.function)));
    } catch (error) {
      // A kind that is not installed has no objects.
      if (!isKubeError(error) || error.detail !== "notServed") throw error;
    }
  }
  return found.toSorted((a, b) => a.since.localeCompare(b.since) || a.object.localeCompare(b.object));
}

function itemsOf({ metadata }: KubeObject, type: ResourceType): ParkedItem[] {
  const { annotations = {}, name } = metadata;
  const place = metadata.namespace === undefined ? name : `${metadata.namespace}/${name}`;
  const object = `${wordFor(type)}/${place}`;
  const notes = Object.entries(readNotes(annotations[NOTE_ANNOTATION]));
  const parked = new Map(notes.filter(([, note]) => note.parked !== undefined));
  const skips = new Map(Object.entries(skipsInForce(annotations[SKIP_ANNOTATION], metadata)));
  const names = [...new Set([...parked.keys(), ...skips.keys()])];
  return names.map((fn) => itemOf(object, fn, { note: parked.get(fn), skip: skips.get(fn) }));
}

function itemOf(
  object: string,
  fn: string,
  { note, skip }: { note: FunctionNote | undefined; skip: Skip | undefined },
): ParkedItem {
  const reason = note?.parked?.reason ?? "";
  return {
    object,
    function: fn,
    state: skip === undefined ? "parked" : "skipped",
    reason,
    message: note?.parked?.message ?? "",
    since: note === undefined ? (skip?.at ?? "") : new Date(note.since).toISOString(),
    attempts: note?.faults ?? 0,
    ...(skip !== undefined && { skipped: skip }),
    todo: skip === undefined ? mend(object, fn, reason) : lift(object, fn),
  };
}

function mend(object: string, fn: string, reason: string): string[] {
  const first =
    reason === "AttemptsExhausted"
      ? "find out how it failed, in the hub's log or by the first command, mend that, then have it tried again:"
      : "mend what the message names. Mostly that is noticed at once; if not, have it tried again:";
  return [
    first,
    ...(reason === "AttemptsExhausted" ? [`capfn trace ${object}`] : []),
    `capfn replay ${object} --function ${fn}`,
  ];
}

function lift(object: string, fn: string): string[] {
  return [
    "nothing: it is left alone until the spec changes. To have it tried all the same:",
    `capfn replay ${object} --function ${fn}`,
  ];
}
