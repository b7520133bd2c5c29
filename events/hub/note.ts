import * as z from "zod";
import type { Attempts } from "#events/hub/backoff.ts";

const functionNoteSchema = z.object({
  faults: z.number().int().nonnegative(),
  /** Wall clock ms of the first of the faults. */
  since: z.number(),
  parked: z.object({ hash: z.string(), reason: z.string(), message: z.string() }).optional(),
  /** A person took the park off and asks for another try; `at` tells one request from the next. */
  replayed: z.object({ at: z.string(), by: z.string() }).optional(),
});

/** What the hub keeps about one function on the object itself. */
export type FunctionNote = z.infer<typeof functionNoteSchema>;

const noteSchema = z.record(z.string(), functionNoteSchema);

/** Reads the annotation; what is damaged counts as nothing, because it only ever slows things down. */
export function readNote(text: string | undefined, fn: string): FunctionNote | undefined {
  return text === undefined ? undefined : readNotes(text)[fn];
}

/** The notes of all functions on one object, by function. */
export function readNotes(text: string | undefined): Readonly<Record<string, FunctionNote>> {
  return noteSchema.safeParse(parseJson(text)).data ?? {};
}

/** The annotation with the note of one function replaced or, if undefined, taken out; null when nothing is left. */
export function writeNote(
  text: string | undefined,
  fn: string,
  note: FunctionNote | undefined,
): string | null {
  const notes = new Map(Object.entries(readNotes(text)));
  if (note === undefined) notes.delete(fn);
  else notes.set(fn, note);
  return notes.size === 0 ? null : JSON.stringify(Object.fromEntries(notes));
}

export function attemptsOf(note: FunctionNote | undefined): Attempts | undefined {
  return note === undefined ? undefined : { faults: note.faults, since: note.since };
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? {} : JSON.parse(text);
  } catch {
    return {};
  }
}
