import type { StepFunction } from "#functions/contract/function.ts";

/** Streams that have not been listed yet and would tell more about an item. */
export interface MissingStreams {
  /** The item cannot be judged before all of these are listed. */
  readonly all: readonly string[];
  /** It can be judged, and is judged again with each of these. */
  readonly any: readonly string[];
}

/** An object, by name, and one of its functions. */
interface Subject {
  readonly object: string;
  readonly function: StepFunction;
}

interface Entry extends Subject {
  /** What is missing still; every one of it has to come unless `one` is enough. */
  readonly missing: Set<string>;
  readonly one: boolean;
}

/**
 * Who has to be judged when a stream has been listed. An item that rests on several streams is judged once, with the last of them, not with
 * each: after a restart there are thousands of them.
 */
export class Unlisted {
  readonly #entries = new Map<string, Entry>();
  readonly #byStream = new Map<string, Set<Entry>>();

  /** Replaces what is missing for one function of an object. */
  set(object: string, fn: StepFunction, { all, any }: MissingStreams): void {
    const key = `${fn.name}|${object}`;
    const known = this.#entries.get(key);
    if (known !== undefined) this.#remove(key, known);
    const one = all.length === 0;
    const missing = new Set(one ? any : all);
    if (missing.size === 0) return;
    const entry: Entry = { object, function: fn, missing, one };
    this.#entries.set(key, entry);
    for (const stream of missing) {
      const entries = this.#byStream.get(stream);
      if (entries === undefined) this.#byStream.set(stream, new Set([entry]));
      else entries.add(entry);
    }
  }

  /** The stream has been listed: who is to be judged now, in the order in which they asked. */
  listed(stream: string): readonly Subject[] {
    const entries = [...(this.#byStream.get(stream) ?? [])];
    this.#byStream.delete(stream);
    return entries.filter((entry) => {
      entry.missing.delete(stream);
      if (!entry.one && entry.missing.size > 0) return false;
      this.#remove(`${entry.function.name}|${entry.object}`, entry);
      return true;
    });
  }

  /** These streams will not be listed: nobody waits for them any more. */
  forget(isMeant: (stream: string) => boolean): void {
    for (const [stream, entries] of this.#byStream) {
      if (!isMeant(stream)) continue;
      this.#byStream.delete(stream);
      for (const entry of entries) {
        entry.missing.delete(stream);
        if (entry.missing.size === 0) this.#entries.delete(`${entry.function.name}|${entry.object}`);
      }
    }
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    for (const stream of entry.missing) {
      const entries = this.#byStream.get(stream);
      entries?.delete(entry);
      if (entries?.size === 0) this.#byStream.delete(stream);
    }
  }
}
