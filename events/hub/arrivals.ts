import type { Run } from "#events/hub/attempts.ts";
import type { Judging } from "#events/hub/judging.ts";
import type { LedgerKeeper } from "#events/hub/ledger.ts";
import { collectionName, objectName, resourceName, scopeName, type Scope } from "#events/hub/names.ts";
import type { ObjectIndex } from "#events/hub/object-index.ts";
import type { HubOptions } from "#events/hub/options.ts";
import { OwnWrites } from "#events/hub/own-writes.ts";
import { compareVersions } from "#events/hub/versions.ts";
import { projectionOf, UnreadableObject, type Projection } from "#events/hub/projection.ts";
import type { Change } from "#events/hub/collection.ts";
import type { OwnEffect, RunArrivals } from "#events/hub/runs.ts";
import type { Written } from "#events/transport/runner.ts";
import type { WatchEvent } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { Connection, ResourceView } from "#platform/kube/view.ts";

interface ArrivalsParts {
  readonly options: HubOptions;
  readonly index: ObjectIndex;
  readonly judging: Judging;
  readonly ledger: LedgerKeeper;
  readonly views: ReadonlyMap<string, ResourceView<unknown>>;
}

/** What comes in: events of streams, and the hub's own writes before their stream tells. Each becomes a change of the index, or nothing. */
export class Arrivals implements RunArrivals {
  readonly #parts: ArrivalsParts;
  readonly #ownWrites = new OwnWrites();

  constructor(parts: ArrivalsParts) {
    this.#parts = parts;
  }

  /** One event of a stream. Never throws: one object that cannot be read must not end the stream of all. */
  receive(view: ResourceView<unknown>, scope: Scope, event: WatchEvent): void {
    const { index, options } = this.#parts;
    const collection = scopeName(view.type, scope);
    switch (event.type) {
      case "added":
      case "modified":
        this.put(view, scope, event.object, event.manager);
        break;
      case "deleted":
        this.#deleted(view, scope, event.object);
        break;
      case "relist":
        options.observe({ kind: "relisted", collection, reason: event.reason });
        this.#beginList(view, scope, event.rewound ?? false);
        break;
      case "synced":
        this.#synced(view, scope, event.resourceVersion);
        break;
      case "bookmark":
        index.advance(view, scope, event.resourceVersion);
        break;
      case "disrupted":
        options.observe({ kind: "disrupted", collection, message: event.error.message });
        break;
    }
  }

  /** An object as a stream, or the hub itself, says it is now. */
  put(view: ResourceView<unknown>, scope: Scope, object: KubeObject, manager?: string): void {
    const { index, judging, options } = this.#parts;
    const ref = { connection: scope.connection, ...object.metadata };
    const name = objectName(view.type, ref);
    const wasReadable = index.isReadable(view, ref);
    try {
      const { projection, change } = index.put(view, scope, object, manager);
      if (change !== undefined) this.#changed(change);
      if (projection !== undefined) this.#delivered(name, projection);
      if (!wasReadable) judging.doubted(view, ref);
    } catch (error) {
      if (!(error instanceof UnreadableObject)) throw error;
      options.observe({ kind: "unreadable", object: name, message: error.message });
      judging.doubted(view, ref);
    }
  }

  /** What the stream showed is unknown from now on; those that rested on it cannot be judged until it is listed again. */
  forget(view: ResourceView<unknown>, scope: Scope): void {
    for (const change of this.#parts.index.forget(view, scope)) this.#changed(change);
  }

  /** All that is known of an API server is void: there is another cluster under its name, or nobody looks at it any more. */
  drop(connection: Connection): void {
    this.#ownWrites.cut(connection);
    for (const change of this.#parts.index.drop(connection)) this.#changed(change);
  }

  openWindow(): number {
    return this.#ownWrites.open();
  }

  closeWindow(window: number): void {
    this.#ownWrites.close(window);
  }

  /** A run's own writes go into the index before the watch tells, so that other functions need not wait for it. */
  own(written: readonly Written[], run: Run): OwnEffect {
    const valid = written.filter(({ connection }) => !this.#ownWrites.isCut(connection, run.window));
    const known = valid.flatMap((each) => this.#readOwn(each));
    const byObject = Map.groupBy(known, ({ view, projection }) =>
      objectName(view.type, projection.seen.meta),
    );
    const disturbed = [...byObject].map(([name, versions]) => this.#ownVersions(name, versions, run));
    return {
      written: known.map(({ view, projection }) => ({ view, seen: projection.seen })),
      disturbed: disturbed.includes(true) || valid.length < written.length,
    };
  }

  #beginList(view: ResourceView<unknown>, scope: Scope, rewound: boolean): void {
    const { index, ledger } = this.#parts;
    if (rewound) {
      ledger.rewound(view, scope);
      // What runs under way have written belongs to the storage that was; its versions would outdo everything new.
      this.#ownWrites.cut(scope.connection);
    }
    index.beginList(view, scope, { floor: ledger.versionOf(view, scope), rewound });
  }

  #readOwn({ type, connection, object }: Written): OwnProjection[] {
    const view = this.#parts.views.get(resourceName(type));
    if (view === undefined) return [];
    try {
      return [{ view, projection: projectionOf(view, connection, object), last: isLast(object) }];
    } catch (error) {
      if (!(error instanceof UnreadableObject)) throw error;
      return [];
    }
  }

  /** Whether somebody else changed the object under the run. */
  #ownVersions(name: string, own: readonly OwnProjection[], run: Run): boolean {
    const { index, options } = this.#parts;
    const [first] = own;
    if (first === undefined) return false;
    const { view } = first;
    const { meta } = first.projection.seen;
    const { namespace } = meta;
    const [scope] = options.scopesOf(view, meta.connection, view.type.namespaced ? namespace : undefined);
    if (scope === undefined) return false;
    const inOrder = own.toSorted(({ projection: { seen: a } }, { projection: { seen: b } }) =>
      compareVersions(a.meta.resourceVersion, b.meta.resourceVersion),
    );
    const items = run.items.map(({ id }) => id);
    const disturbed = this.#ownWrites.wrote(
      name,
      inOrder.map(({ projection: { seen, digest } }) => ({
        resourceVersion: seen.meta.resourceVersion,
        digest,
        items,
      })),
      {
        window: run.window,
        collection: collectionName(view.type, meta.connection),
        base: index.entry(view.type, meta)?.digest,
        delivered: index.delivered(view, scope),
      },
    );
    for (const { projection, last } of inOrder) {
      const change = last ? index.removeOwn(view, projection) : index.putOwn(view, scope, projection);
      if (change !== undefined) this.#changed(change);
    }
    return disturbed;
  }

  #deleted(view: ResourceView<unknown>, scope: Scope, object: KubeObject): void {
    const { index, judging } = this.#parts;
    const ref = { connection: scope.connection, ...object.metadata };
    const wasReadable = index.isReadable(view, ref);
    const change = index.remove(view, scope, object);
    if (change !== undefined) this.#changed(change);
    if (!wasReadable) judging.doubted(view, ref);
  }

  /** The list is complete. What it shows stands for versions that were never delivered, so nobody knows what own writes hid. */
  #synced(view: ResourceView<unknown>, scope: Scope, resourceVersion: string): void {
    const { index, judging, options } = this.#parts;
    const end = index.endList(view, scope, resourceVersion);
    if (end.kind === "stale") {
      const message = `ignored a list at resourceVersion ${resourceVersion}, older than ${end.floor} heard before`;
      options.observe({ kind: "disrupted", collection: scopeName(view.type, scope), message });
      return;
    }
    const hidden = this.#ownWrites.gap(collectionName(view.type, scope.connection));
    for (const change of end.changes) this.#changed(change);
    for (const ref of end.cleared) judging.doubted(view, ref);
    for (const id of hidden) judging.voided(id);
    judging.listed(view, scope);
  }

  #delivered(name: string, { seen, digest }: Projection): void {
    const { resourceVersion } = seen.meta;
    for (const id of this.#ownWrites.delivered(name, { resourceVersion, digest }))
      this.#parts.judging.voided(id);
  }

  #changed(change: Change): void {
    const { view, new: now, old } = change;
    const meta = (now ?? old)?.seen.meta;
    if (meta === undefined) return;
    const name = objectName(view.type, meta);
    if (now === undefined) this.#ownWrites.gone(name);
    else this.#ownWrites.changed(name, meta.resourceVersion);
    this.#parts.judging.changed(change);
  }
}

interface OwnProjection {
  readonly view: ResourceView<unknown>;
  readonly projection: Projection;
  /** With this write the object ceased to exist. */
  readonly last: boolean;
}

/** An object that is being deleted exists as long as it has a finalizer or, as a Pod, time to end (Kubernetes, "Finalizers"). */
function isLast({ metadata }: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds: grace = 0 } = metadata;
  return deletionTimestamp !== undefined && finalizers.length === 0 && grace === 0;
}
