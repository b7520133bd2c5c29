import { localName } from "#events/hub/names.ts";
import type { Projection } from "#events/hub/projection.ts";
import { compareVersions, newerVersion } from "#events/hub/versions.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** One object in the index. */
export interface Entry extends Projection {
  /** The version at which what we look at last changed; `seen.meta.resourceVersion` also moves for changes we do not look at. */
  readonly changedAt: string;
}

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
  /** Objects that a write of our own has ended, by name, until the API server has said so itself. */
  readonly #ended = new Map<string, { readonly uid: string; readonly resourceVersion: string }>();
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

  /** The storage behind the API server was set back: what was known of its version no longer holds. */
  rewind(): void {
    this.#progress = undefined;
  }

  /**
   * Takes an object in. Undefined when it is not newer than what is known, or differs in nothing we look at. `rewound`: the storage went
   * back in time, so older is right.
   */
  put(now: Projection, rewound = false): Change | undefined {
    const { meta } = now.seen;
    const name = localName(meta);
    if (!rewound && this.#isGhost(name, meta)) return undefined;
    this.#ended.delete(name);
    const old = this.#entries.get(name);
    if (
      old !== undefined &&
      !rewound &&
      compareVersions(meta.resourceVersion, old.seen.meta.resourceVersion) <= 0
    )
      return undefined;
    if (old?.digest === now.digest) {
      const { seen, indexed, changedAt } = old;
      this.#entries.set(name, { ...now, seen: { ...seen, meta }, indexed, changedAt });
      return undefined;
    }
    const entry: Entry = { ...now, changedAt: meta.resourceVersion };
    this.#entries.set(name, entry);
    this.#reindex(name, old, entry);
    return { view: this.view, old, new: entry };
  }

  /** A write of our own has ended the object: what is still on its way about this and older versions of it is no news. */
  end(name: string, last: { readonly uid: string; readonly resourceVersion: string }): Change | undefined {
    const change = this.remove(name, { uid: last.uid });
    if (change !== undefined) this.#ended.set(name, last);
    return change;
  }

  /** A complete list has said which objects there are; `isListed` tells it of a name and uid. */
  settleEnded(isListed: (name: string, uid: string) => boolean): void {
    for (const [name, { uid }] of this.#ended) if (!isListed(name, uid)) this.#ended.delete(name);
  }

  /** Forgets an object. Undefined when it is unknown, has another uid, or is known to be newer than its reported end. */
  remove(
    name: string,
    gone: { readonly uid?: string; readonly resourceVersion?: string },
  ): Change | undefined {
    if (gone.uid === undefined || gone.uid === this.#ended.get(name)?.uid) this.#ended.delete(name);
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

  #isGhost(name: string, { uid, resourceVersion }: Projection["seen"]["meta"]): boolean {
    const ended = this.#ended.get(name);
    return ended?.uid === uid && compareVersions(resourceVersion, ended.resourceVersion) <= 0;
  }

  #reindex(name: string, old: Entry | undefined, now: Entry | undefined): void {
    const before = new Set(indexValues(old));
    const after = new Set(indexValues(now));
    for (const value of before.difference(after)) {
      const names = this.#byIndex.get(value);
      names?.delete(name);
      if (names?.size === 0) this.#byIndex.delete(value);
    }
    for (const value of after.difference(before)) {
      const names = this.#byIndex.get(value);
      if (names === undefined) this.#byIndex.set(value, new Set([name]));
      else names.add(name);
    }
  }
}

/** The entry's index values as `<index>=<value>`. */
export function indexValues(entry: Projection | undefined): string[] {
  return entry === undefined
    ? []
    : Object.entries(entry.indexed).flatMap(([index, values]) => values.map((value) => `${index}=${value}`));
}
