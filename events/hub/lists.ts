import { localName } from "#events/hub/names.ts";
import type { Projection } from "#events/hub/projection.ts";
import type { KubeObject } from "#platform/kube/resource.ts";

/** One list under way. */
export interface List {
  /** What it has shown so far, by local name; undefined for objects that cannot be read. */
  readonly shown: Map<string, Projection | undefined>;
  /** The list must not be older than this resourceVersion. */
  readonly floor: string | undefined;
  /** The storage was set back, as after a restore from a backup: older is right this time. */
  readonly rewound: boolean;
}

/**
 * Lists under way, by stream. A list takes effect when it is complete, not before: until then nobody knows of which moment it is, and one
 * that turns out to be older than what is known must not have shown anybody its ghosts.
 */
export class Lists {
  readonly #underWay = new Map<string, List>();

  begin(scope: string, how: { floor: string | undefined; rewound: boolean }): void {
    this.#underWay.set(scope, { shown: new Map(), ...how });
  }

  has(scope: string): boolean {
    return this.#underWay.has(scope);
  }

  /** Whether a list of this stream is under way, which then holds the object. */
  add(scope: string, object: KubeObject, projection: Projection | undefined): boolean {
    const list = this.#underWay.get(scope);
    list?.shown.set(localName(object.metadata), projection);
    return list !== undefined;
  }

  /** The object went away while the list was under way. */
  remove(scope: string, object: KubeObject): void {
    this.#underWay.get(scope)?.shown.delete(localName(object.metadata));
  }

  /** Gives up every list whose stream's name begins so. */
  drop(prefix: string): void {
    for (const scope of this.#underWay.keys()) if (scope.startsWith(prefix)) this.#underWay.delete(scope);
  }

  /** Takes out the list, complete or given up. */
  end(scope: string): List | undefined {
    const list = this.#underWay.get(scope);
    this.#underWay.delete(scope);
    return list;
  }
}
