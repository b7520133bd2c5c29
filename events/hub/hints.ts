/** What was said of the objects of one run while it was under way: ids of causes, by object name. */
export type Heard = ReadonlyMap<string, Set<string>>;

/**
 * Hints that come in while a step runs. The step was handed its snapshot before, so whatever it says of the time until its next look, it
 * did not know of them.
 */
export class Hints {
  /** By object name, what each run for it has heard so far. */
  readonly #listening = new Map<string, Set<Set<string>>>();

  /** A run for these objects begins. */
  listen(objects: readonly string[]): Heard {
    const heard = new Map(objects.map((object) => [object, new Set<string>()]));
    for (const [object, causes] of heard) {
      const runs = this.#listening.get(object);
      if (runs === undefined) this.#listening.set(object, new Set([causes]));
      else runs.add(causes);
    }
    return heard;
  }

  /** The run has ended. */
  end(heard: Heard): void {
    for (const [object, causes] of heard) {
      const runs = this.#listening.get(object);
      runs?.delete(causes);
      if (runs?.size === 0) this.#listening.delete(object);
    }
  }

  /** Somebody says to look at the object. `cause`: id of the event. */
  hint(object: string, cause: string): void {
    for (const causes of this.#listening.get(object) ?? []) causes.add(cause);
  }
}
