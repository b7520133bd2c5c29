import type { KubeObject } from "#platform/kube/resource.ts";
import type { Edge } from "#test/chaos/stage.ts";

/** One change of one object as an independent watch saw it. */
export interface Observation {
  readonly api: Edge;
  /** Plural. */
  readonly resource: string;
  /** `<namespace>/<name>`, or `/<name>`. */
  readonly key: string;
  readonly object: KubeObject;
  readonly gone: boolean;
  /** etcd's revision: one time line over all API servers of a stage. */
  readonly revision: bigint;
}

/** Objects at one moment, by `<api> <resource> <key>`. */
export type State = ReadonlyMap<string, KubeObject>;

export function placeOf({ api, resource, key }: Observation): string {
  return `${api} ${resource} ${key}`;
}

/** Everything that happened to the objects of one trial, and how they are now. */
export class History {
  readonly #observations: Observation[] = [];
  readonly #state = new Map<string, KubeObject>();
  readonly #listeners = new Set<(observation: Observation) => void>();
  lastAt = performance.now();

  take(observation: Observation): void {
    const place = placeOf(observation);
    const known = this.#state.get(place);
    const { object, gone } = observation;
    if (!gone && known?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    if (gone && known === undefined) return;
    this.#observations.push(observation);
    if (gone) this.#state.delete(place);
    else this.#state.set(place, object);
    this.lastAt = performance.now();
    for (const listener of this.#listeners) listener(observation);
  }

  get state(): State {
    return this.#state;
  }

  /** In the order in which it happened. */
  get observations(): readonly Observation[] {
    return this.#observations.toSorted(
      // A change of etcd's members is noted under the revision right before it.
      (a, b) => Number(a.revision - b.revision) || Number(a.api === "E") - Number(b.api === "E"),
    );
  }

  get(api: Edge, resource: string, key: string): KubeObject | undefined {
    return this.#state.get(`${api} ${resource} ${key}`);
  }

  all(api: Edge, resource: string): readonly KubeObject[] {
    const prefix = `${api} ${resource} `;
    return [...this.#state].flatMap(([place, object]) => (place.startsWith(prefix) ? [object] : []));
  }

  onChange(listener: (observation: Observation) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Resolves when `isThere` holds; rejects with what was waited for when nothing at all changes for so long, or when it has not come after four
   * times as long: on a machine with too much to do everything takes its time.
   */
  until(what: string, isThere: () => boolean, withinMs: number): Promise<void> {
    if (isThere()) return Promise.resolve();
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      const end = (act: () => void): void => {
        clearTimeout(timer);
        forget();
        act();
      };
      const check = (): void => {
        const now = performance.now();
        const leftMs = Math.min(
          Math.max(this.lastAt, startedAt) + withinMs - now,
          startedAt + PATIENCE * withinMs - now,
        );
        if (leftMs > 0) timer = setTimeout(check, leftMs);
        else end(() => reject(new NotReached(`not within ${Math.round(now - startedAt)} ms: ${what}`)));
      };
      let timer = setTimeout(check, withinMs);
      const forget = this.onChange(() => {
        if (isThere()) end(resolve);
      });
    });
  }
}

/** How often the limit of a wait is granted while things go on changing. */
const PATIENCE = 4;

/** The state a scenario waits for did not come. */
export class NotReached extends Error {
  override readonly name = "NotReached";
}
