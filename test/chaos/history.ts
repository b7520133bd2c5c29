import type { KubeObject } from "#platform/kube/resource.ts";
import type { Api } from "#test/chaos/stage.ts";

/** One change of one object as an independent watch saw it. */
export interface Observation {
  readonly api: Api;
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
    return this.#observations.toSorted((a, b) => Number(a.revision - b.revision));
  }

  get(api: Api, resource: string, key: string): KubeObject | undefined {
    return this.#state.get(`${api} ${resource} ${key}`);
  }

  all(api: Api, resource: string): readonly KubeObject[] {
    const prefix = `${api} ${resource} `;
    return [...this.#state].flatMap(([place, object]) => (place.startsWith(prefix) ? [object] : []));
  }

  onChange(listener: (observation: Observation) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when `isThere` holds; rejects with what was waited for when it does not come in time. */
  until(what: string, isThere: () => boolean, withinMs: number): Promise<void> {
    if (isThere()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (act: () => void): void => {
        clearTimeout(timer);
        forget();
        act();
      };
      const timer = setTimeout(
        () => end(() => reject(new NotReached(`not within ${withinMs} ms: ${what}`))),
        withinMs,
      );
      const forget = this.onChange(() => {
        if (isThere()) end(resolve);
      });
    });
  }
}

/** The state a scenario waits for did not come. */
export class NotReached extends Error {
  override readonly name = "NotReached";
}
