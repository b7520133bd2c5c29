import { compareVersions } from "#events/hub/versions.ts";

interface Noted {
  readonly resourceVersion: string;
  readonly items: readonly string[];
}

/**
 * Versions that steps wrote and the watch has not delivered yet. An own version does not wake its writer; a version between two own ones
 * that is not ours is somebody else's change, hidden under our newer one, and must be looked at again.
 */
export class OwnWrites {
  readonly #pending = new Map<string, Noted[]>();

  note(object: string, resourceVersion: string, items: readonly string[]): void {
    const noted = this.#pending.get(object);
    if (noted === undefined) this.#pending.set(object, [{ resourceVersion, items }]);
    else noted.push({ resourceVersion, items });
  }

  /** A watch delivered this version. Returns the items whose newer write hid a foreign change; empty in the normal case. */
  delivered(object: string, resourceVersion: string): readonly string[] {
    const noted = this.#pending.get(object);
    if (noted === undefined) return [];
    const newer = noted.filter((own) => compareVersions(own.resourceVersion, resourceVersion) > 0);
    const isOwn = noted.some((own) => own.resourceVersion === resourceVersion);
    if (newer.length === 0) this.#pending.delete(object);
    else this.#pending.set(object, newer);
    return isOwn ? [] : newer.flatMap(({ items }) => items);
  }

  get size(): number {
    return this.#pending.size;
  }
}
