import { connectionPrefix } from "#events/hub/names.ts";
import { compareVersions } from "#events/hub/versions.ts";

/** One version of one object, by what we look at of it. */
export interface Version {
  readonly resourceVersion: string;
  readonly digest: string;
}

interface OwnVersion extends Version {
  /** Items whose run wrote it. */
  readonly items: readonly string[];
}

interface Chain {
  /** Digest before the first of the versions. */
  base: string | undefined;
  /** Versions that were written and have not been delivered yet, oldest first. */
  versions: OwnVersion[];
}

interface Disturbance {
  readonly at: number;
  readonly resourceVersion: string;
}

/**
 * Tells the changes a step made itself from everybody else's. An own version does not wake its writer. Somebody else's version between the
 * snapshot a step was handed and its newest own write is hidden: the step never saw it, yet the object as written contains it, so what the
 * step concluded is void. It is found in two places: among what was delivered while the run was under way (a window), and among what is
 * delivered before the run's own newest version (a chain).
 */
export class OwnWrites {
  readonly #chains = new Map<string, Chain>();
  /** Oldest first. */
  readonly #windows = new Set<number>();
  /** Changes the index took in since the oldest window was opened, by object, oldest first. */
  readonly #disturbances = new Map<string, Disturbance[]>();
  /** The objects of these changes, by tick, oldest first. */
  readonly #ticks = new Map<number, string>();
  /** When a stream of the collection last was complete without having delivered every version on the way. */
  readonly #gaps = new Map<string, number>();
  /** When what was known of a connection last became void. */
  readonly #cuts = new Map<string, number>();
  #tick = 0;

  /** A run begins; returns its window. */
  open(): number {
    this.#tick += 1;
    this.#windows.add(this.#tick);
    return this.#tick;
  }

  close(window: number): void {
    this.#windows.delete(window);
    const [oldest = Infinity] = this.#windows;
    const outdated = new Set<string>();
    for (const [at, object] of this.#ticks) {
      if (at > oldest) break;
      this.#ticks.delete(at);
      outdated.add(object);
    }
    for (const object of outdated) this.#forget(object, oldest);
    for (const marks of [this.#gaps, this.#cuts])
      for (const [name, at] of marks) if (at < oldest) marks.delete(name);
  }

  /** No window that is still open began before these changes of the object. */
  #forget(object: string, oldest: number): void {
    const left = this.#disturbances.get(object)?.filter(({ at }) => at > oldest) ?? [];
    if (left.length === 0) this.#disturbances.delete(object);
    else this.#disturbances.set(object, left);
  }

  /** The index took in a change of what we look at. */
  changed(object: string, resourceVersion: string): void {
    if (this.#windows.size === 0) return;
    this.#tick += 1;
    const known = this.#disturbances.get(object);
    const disturbance = { at: this.#tick, resourceVersion };
    if (known === undefined) this.#disturbances.set(object, [disturbance]);
    else known.push(disturbance);
    this.#ticks.set(this.#tick, object);
  }

  /**
   * A run wrote these versions of an object, oldest first. `base`: digest in the index just before it hears of them; `delivered`: how far the
   * object's stream has come, undefined when there is none. Returns whether a change the run did not see lies before the newest of them.
   */
  wrote(
    object: string,
    versions: readonly OwnVersion[],
    how: { window: number; collection: string; base: string | undefined; delivered: string | undefined },
  ): boolean {
    const newest = versions.at(-1);
    if (newest === undefined) return false;
    const { window, collection, base, delivered } = how;
    const own = new Set(versions.map(({ resourceVersion }) => resourceVersion));
    const pending = versions.filter(
      (each) => delivered !== undefined && compareVersions(each.resourceVersion, delivered) > 0,
    );
    if (pending.length > 0) {
      const chain = this.#chains.get(object) ?? { base, versions: [] };
      chain.versions = [...chain.versions, ...pending].toSorted((a, b) =>
        compareVersions(a.resourceVersion, b.resourceVersion),
      );
      this.#chains.set(object, chain);
    }
    const disturbances = this.#disturbances.get(object) ?? [];
    return (
      (this.#gaps.get(collection) ?? 0) > window ||
      disturbances.some(
        ({ at, resourceVersion }) =>
          at > window &&
          !own.has(resourceVersion) &&
          compareVersions(resourceVersion, newest.resourceVersion) < 0,
      )
    );
  }

  /** A stream delivered this version. Returns the items whose newer write hid it from them; none in the normal case. */
  delivered(object: string, { resourceVersion, digest }: Version): readonly string[] {
    const chain = this.#chains.get(object);
    if (chain === undefined) return [];
    const older = chain.versions.filter((own) => compareVersions(own.resourceVersion, resourceVersion) < 0);
    const newer = chain.versions.filter((own) => compareVersions(own.resourceVersion, resourceVersion) > 0);
    const same = chain.versions.find((own) => own.resourceVersion === resourceVersion);
    const changedNothing = digest === (older.at(-1)?.digest ?? chain.base);
    if (newer.length === 0) this.#chains.delete(object);
    else this.#chains.set(object, { base: digest, versions: newer });
    if (changedNothing) return [];
    return newer.flatMap(({ items }) => items).filter((item) => !same?.items.includes(item));
  }

  /** The object is gone; nothing more of it will be delivered. */
  gone(object: string): void {
    this.#chains.delete(object);
  }

  /** The connection leads to another cluster now, whose versions have nothing to do with those written before. */
  cut(connection: string): void {
    this.#tick += 1;
    if (this.#windows.size > 0) this.#cuts.set(connection, this.#tick);
    const prefix = connectionPrefix(connection);
    for (const object of this.#chains.keys()) if (object.startsWith(prefix)) this.#chains.delete(object);
  }

  /** Whether the run whose window this is may have written to the cluster before. */
  isCut(connection: string, window: number): boolean {
    return (this.#cuts.get(connection) ?? 0) > window;
  }

  /** A complete list stands for versions that were never delivered. Returns the items that cannot know what their writes hid. */
  gap(collection: string): readonly string[] {
    this.#tick += 1;
    if (this.#windows.size > 0) this.#gaps.set(collection, this.#tick);
    const hidden = [...this.#chains].filter(([object]) => object.startsWith(`${collection}|`));
    for (const [object] of hidden) this.#chains.delete(object);
    return hidden.flatMap(([, { versions }]) => versions.flatMap(({ items }) => items));
  }

  /** Objects with own versions on the way, and changes that are still remembered for a run under way. */
  get size(): number {
    return this.#chains.size + this.#ticks.size + this.#gaps.size + this.#cuts.size;
  }
}
