import { compareVersions, newerVersion } from "#events/hub/versions.ts";
import { digest } from "#events/hub/projection.ts";
import { localName } from "#events/hub/names.ts";
import type { ResourceView, Seen } from "#platform/kube/view.ts";

/** One object in the index. */
export interface Entry {
  readonly seen: Seen<unknown>;
  readonly digest: string;
  /** The version at which what we look at last changed; `seen.meta.resourceVersion` also moves for changes we do not look at. */
  readonly changedAt: string;
  /** Field manager of the newest change, for naming the culprit of a thrash. */
  readonly manager: string | undefined;
  /** The hub's own note on the object (annotation `capfn.dev/attempts`): attempts and parks that outlive the hub. */
  readonly note: string | undefined;
  readonly indexed: Readonly<Record<string, readonly string[]>>;
}

/** What is kept of an object beside what its view names. */
export type Beside = Pick<Entry, "manager" | "note">;

/** What an update did to the index: the entry before and after. Undefined on one side for appearance and disappearance. */
export interface Change {
  readonly view: ResourceView<unknown>;
  readonly old: Entry | undefined;
  readonly new: Entry | undefined;
}

/** All objects of one resource at one API server, as their projections, with the view's indexes. Never goes back in time. */
export class Collection {
  readonly view: ResourceView<unknown>;
  readonly #entries = new Map<string, Entry>();
  readonly #byIndex = new Map<string, Set<string>>();
  /** Highest version heard from the API server, by whatever way. */
  #progress: string | undefined;

  constructor(view: ResourceView<unknown>) {
    this.view = view;
  }

  get size(): number {
    return this.#entries.size;
  }

  get progress(): string | undefined {
    return this.#progress;
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** All entries at this moment; safe to remove while walking. */
  snapshot(): [string, Entry][] {
    return [...this.#entries];
  }

  find(index: string, value: string, namespace: string | undefined): Entry[] {
    const names = this.#byIndex.get(`${index}=${value}`) ?? [];
    return [...names]
      .map((name) => this.#entries.get(name))
      .filter((entry) => entry !== undefined)
      .filter((entry) => namespace === undefined || entry.seen.meta.namespace === namespace);
  }

  /** Notes that the API server is at this version. */
  advance(resourceVersion: string): void {
    this.#progress = newerVersion(this.#progress, resourceVersion);
  }

  /** Takes an object in. Undefined when it is not newer than what is known, or differs in nothing we look at. */
  put(seen: Seen<unknown>, beside: Beside): Change | undefined {
    const name = localName(seen.meta);
    const old = this.#entries.get(name);
    if (old !== undefined && compareVersions(seen.meta.resourceVersion, old.seen.meta.resourceVersion) <= 0)
      return undefined;
    const { meta, ...body } = seen;
    const now = digest([body, meta.uid, meta.deletionTimestamp]);
    const same = old?.digest === now;
    const entry: Entry = {
      seen: same ? { ...old.seen, meta } : seen,
      digest: now,
      changedAt: same ? old.changedAt : meta.resourceVersion,
      ...beside,
      indexed: same ? old.indexed : (this.view.indexes?.(seen) ?? {}),
    };
    this.#entries.set(name, entry);
    if (same) return undefined;
    this.#reindex(name, old, entry);
    return { view: this.view, old, new: entry };
  }

  /** Forgets an object. Undefined when it is unknown, has another uid, or is known to be newer than its reported end. */
  remove(
    name: string,
    gone: { readonly uid?: string; readonly resourceVersion?: string },
  ): Change | undefined {
    const old = this.#entries.get(name);
    if (old === undefined || (gone.uid !== undefined && gone.uid !== old.seen.meta.uid)) return undefined;
    if (
      gone.resourceVersion !== undefined &&
      compareVersions(gone.resourceVersion, old.seen.meta.resourceVersion) < 0
    )
      return undefined;
    this.#entries.delete(name);
    this.#reindex(name, old, undefined);
    return { view: this.view, old, new: undefined };
  }

  #reindex(name: string, old: Entry | undefined, now: Entry | undefined): void {
    for (const value of indexValues(old)) {
      const names = this.#byIndex.get(value);
      names?.delete(name);
      if (names?.size === 0) this.#byIndex.delete(value);
    }
    for (const value of indexValues(now)) {
      const names = this.#byIndex.get(value);
      if (names === undefined) this.#byIndex.set(value, new Set([name]));
      else names.add(name);
    }
  }
}

/** The entry's index values as `<index>=<value>`. */
export function indexValues(entry: Entry | undefined): string[] {
  return entry === undefined
    ? []
    : Object.entries(entry.indexed).flatMap(([index, values]) => values.map((value) => `${index}=${value}`));
}
