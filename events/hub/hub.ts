import { Breakers } from "#events/hub/breakers.ts";
import type { Change } from "#events/hub/collection.ts";
import { causeOfChange, causeOfTime } from "#events/hub/causes.ts";
import { Items } from "#events/hub/items.ts";
import { LedgerKeeper } from "#events/hub/ledger.ts";
import { objectName, resourceName, scopeName, type Scope } from "#events/hub/names.ts";
import { ObjectIndex } from "#events/hub/object-index.ts";
import { OwnWrites } from "#events/hub/own-writes.ts";
import { project, UnreadableObject } from "#events/hub/projection.ts";
import type { HubOptions } from "#events/hub/options.ts";
import { Runs } from "#events/hub/runs.ts";
import { Settling } from "#events/hub/settling.ts";
import { Timers } from "#events/hub/timers.ts";
import { Wakes } from "#events/hub/wakes.ts";
import { WorkQueue } from "#events/hub/work-queue.ts";
import type { Written } from "#events/transport/runner.ts";
import type { WrittenObject } from "#events/hub/handed-out.ts";
import type { Cause, StepFunction } from "#functions/contract/function.ts";
import type { WatchEvent } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { ObjectRef, ResourceView } from "#platform/kube/view.ts";

/**
 * The hub: watches become an index, the index asks the predicates, true predicates become items in line, one of a key runs at a time, and
 * its outcome says when to look again. This class only passes things on; each part has its own file.
 */
export class Hub {
  readonly index = new ObjectIndex();
  readonly #options: HubOptions;
  readonly #views = new Map<string, ResourceView<unknown>>();
  readonly #wakes: Wakes;
  readonly #ownWrites = new OwnWrites();
  readonly #settling: Settling;
  readonly #runs: Runs;
  readonly #ledger: LedgerKeeper;
  readonly #items = new Items();
  readonly #queue = new WorkQueue();
  readonly #timers: Timers;
  readonly #blocked = new Map<string, Set<string>>();
  /** Objects to judge, with why; drained once per turn of the event loop so that a burst is judged once. */
  readonly #dirty = new Map<
    string,
    { view: ResourceView<unknown>; ref: ObjectRef; cause: Cause; low: boolean }
  >();
  #draining = false;
  #stopped = false;
  #cancelSweep: (() => void) | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    for (const view of options.functions.flatMap(({ views }) => views)) this.#learn(view);
    this.#wakes = new Wakes(options.scopeOf, options.demand);
    this.#timers = new Timers(options.clock, (id) => this.#due(id));
    this.#ledger = new LedgerKeeper(options, this.#items, () => this.index.versions());
    const parts = {
      options,
      index: this.index,
      items: this.#items,
      queue: this.#queue,
      timers: this.#timers,
    };
    this.#settling = new Settling(parts);
    this.#runs = new Runs({
      ...parts,
      settling: this.#settling,
      breakers: new Breakers(options.clock, options.policy.breaker),
      epoch: () => this.#ledger.epoch,
      own: (written, ids) => this.#takeOwn(written, ids),
      again: (item, cause) => this.#markItem(item, cause),
    });
  }

  /** Restores the ledger. Call before the first delta. */
  async start(): Promise<void> {
    await this.#ledger.start();
    this.#armSweep();
  }

  /** Lists nothing older than this, for the first list of a stream after a restart. */
  notOlderThan(view: ResourceView<unknown>, scope: Scope): string | undefined {
    return this.#ledger.versionOf(view, scope);
  }

  /** One event of a stream. Never throws. */
  receive(view: ResourceView<unknown>, scope: Scope, event: WatchEvent): void {
    if (this.#stopped) return;
    switch (event.type) {
      case "added":
      case "modified":
        this.#put(view, scope, event);
        break;
      case "deleted":
        this.#changed(this.index.remove(view, scope, event.object));
        break;
      case "relist":
        this.#options.observe({
          kind: "relisted",
          collection: scopeName(view.type, scope),
          reason: event.reason,
        });
        this.index.beginList(view, scope);
        break;
      case "synced":
        for (const change of this.index.endList(view, scope, event.resourceVersion)) this.#changed(change);
        this.#listed(scopeName(view.type, scope));
        break;
      case "bookmark":
        this.index.advance(view, scope, event.resourceVersion);
        break;
      case "disrupted":
        this.#options.observe({
          kind: "disrupted",
          collection: scopeName(view.type, scope),
          message: event.error.message,
        });
        break;
    }
  }

  /** Puts an object of the hub's own into the index, e.g. the state of a connection. */
  publish(view: ResourceView<unknown>, object: KubeObject): void {
    this.#put(view, { connection: "hub" }, { type: "modified", object });
  }

  /** A stream is no longer watched: what it showed is unknown from now on. */
  forget(view: ResourceView<unknown>, scope: Scope): void {
    this.index.forget(view, scope);
  }

  /** Any reason to look at an object: an alert, an injected event. It asks the predicates, nothing more. */
  hint(view: ResourceView<unknown>, ref: ObjectRef, cause: Cause): void {
    this.#mark(view, ref, cause, false);
  }

  /** Nothing is in line, running or to be judged. Waits and timers may be pending. */
  get idle(): boolean {
    return this.#dirty.size === 0 && this.#queue.length === 0 && this.#queue.inFlight === 0;
  }

  /** What the hub knows of an object's items, per function. */
  explain(ref: ObjectRef, view: ResourceView<unknown>) {
    return this.#functionsFor(view).map((fn) => this.#settling.explain(fn, ref));
  }

  /** Figures of the moment, for metrics. */
  figures() {
    const now = this.#options.clock.now();
    return {
      objects: this.index.size,
      queued: this.#queue.length,
      inFlight: this.#queue.inFlight,
      oldestQueuedMs: Math.max(0, now - (this.#queue.oldest() ?? now)),
      parked: [...this.#items.values()].filter(({ record }) => record?.kind === "parked").length,
      timers: this.#timers.size,
      openBreakers: this.#runs.openBreakers(),
    };
  }

  /** Ends: nothing more is dispatched, runs under way get until `graceMs` to end, the ledger is stored. */
  async stop(graceMs = 10_000): Promise<void> {
    this.#stopped = true;
    this.#cancelSweep?.();
    this.#timers.stop();
    await this.#runs.drain(graceMs);
    await this.#ledger.stop();
  }

  #learn(view: ResourceView<unknown>): void {
    const name = resourceName(view.type);
    const known = this.#views.get(name);
    if (known !== undefined && known !== view)
      throw new Error(`two views of ${name}: every resource has one view, shared by its functions`);
    this.#views.set(name, view);
  }

  #functionsFor(view: ResourceView<unknown>): StepFunction[] {
    return this.#options.functions.filter((fn) => fn.for === view);
  }

  #put(
    view: ResourceView<unknown>,
    scope: Scope,
    event: { object: KubeObject; manager?: string | undefined; type: string },
  ): void {
    const name = objectName(view.type, { connection: scope.connection, ...event.object.metadata });
    try {
      const hidden = this.#ownWrites.delivered(name, event.object.metadata.resourceVersion);
      const change = this.index.put(view, scope, event.object, event.manager);
      for (const id of hidden) this.#hiddenChange(id, change);
      this.#changed(change);
    } catch (error) {
      if (!(error instanceof UnreadableObject)) throw error;
      this.#options.observe({ kind: "unreadable", object: name, message: error.message });
    }
  }

  /** Somebody changed an object under a newer write of the item's own: what it concluded is void. */
  #hiddenChange(id: string, change: Change | undefined): void {
    const item = this.#items.get(id);
    if (item === undefined) return;
    this.#items.remember(item, undefined);
    const cause = change === undefined ? item.cause : this.#cause(change);
    this.#mark(item.function.for, item.object, cause, false);
  }

  /** A run's own writes go into the index before the watch tells, so that other functions need not wait for it. */
  #takeOwn(written: readonly Written[], ids: readonly string[]): WrittenObject[] {
    return written.flatMap(({ type, connection, object }) => {
      const view = this.#views.get(resourceName(type));
      if (view === undefined) return [];
      const scope = this.#options.scopeOf(
        view,
        connection,
        view.type.namespaced ? object.metadata.namespace : undefined,
      );
      try {
        this.#ownWrites.note(
          objectName(view.type, { connection, ...object.metadata }),
          object.metadata.resourceVersion,
          ids,
        );
        this.#changed(this.index.putOwn(view, [scope], object));
        return [{ view, seen: project(view, connection, object) }];
      } catch (error) {
        if (!(error instanceof UnreadableObject)) throw error;
        return [];
      }
    });
  }

  #changed(change: Change | undefined): void {
    if (change === undefined) return;
    const entry = change.new ?? change.old;
    if (entry === undefined) return;
    const { view } = change;
    const ref: ObjectRef = entry.seen.meta;
    const name = objectName(view.type, ref);
    const cause = this.#cause(change);
    const gone =
      change.old !== undefined && change.old.seen.meta.uid !== change.new?.seen.meta.uid
        ? change.old.seen.meta.uid
        : undefined;
    if (gone !== undefined) for (const fn of this.#functionsFor(view)) this.#settling.drop(fn, gone);
    if (this.#functionsFor(view).length > 0)
      this.#mark(view, ref, cause, change.old === undefined && !this.#ledger.settled);
    for (const owner of this.#wakes.woken(change)) this.#markName(owner, cause);
    for (const id of this.#items.waits.waitingFor(name)) this.#markItem(id, cause);
  }

  #listed(scope: string): void {
    const waiting = this.#blocked.get(scope);
    this.#blocked.delete(scope);
    const cause = causeOfTime(
      this.#options.clusterId,
      "dev.capfn.hub.started",
      scope,
      this.#options.clock.now(),
    );
    for (const name of waiting ?? []) this.#markName(name, cause, !this.#ledger.settled);
  }

  #cause(change: Change): Cause {
    return causeOfChange(this.#options.clusterId, change, this.#options.clock.now());
  }

  #due(id: string): void {
    this.#markItem(
      id,
      causeOfTime(this.#options.clusterId, "dev.capfn.step.due", id, this.#options.clock.now()),
    );
  }

  #markItem(id: string, cause: Cause): void {
    const item = this.#items.get(id);
    if (item !== undefined) this.#mark(item.function.for, item.object, cause, false);
  }

  readonly #known = new Map<string, { view: ResourceView<unknown>; ref: ObjectRef }>();

  #markName(name: string, cause: Cause, low = false): void {
    const known = this.#known.get(name);
    if (known !== undefined) this.#mark(known.view, known.ref, cause, low);
  }

  #mark(view: ResourceView<unknown>, ref: ObjectRef, cause: Cause, low: boolean): void {
    const name = objectName(view.type, ref);
    const marked = this.#dirty.get(name);
    this.#dirty.set(name, { view, ref, cause: marked?.cause ?? cause, low: low && (marked?.low ?? true) });
    if (this.#draining) return;
    this.#draining = true;
    queueMicrotask(() => this.#drain());
  }

  #drain(): void {
    this.#draining = false;
    if (this.#stopped) return;
    const batch = [...this.#dirty];
    this.#dirty.clear();
    for (const [name, { view, ref, cause, low }] of batch) this.#judge(name, view, ref, { cause, low });
    this.#runs.pump();
    this.#ledger.touched();
  }

  #judge(
    name: string,
    view: ResourceView<unknown>,
    ref: ObjectRef,
    occasion: { cause: Cause; low: boolean },
  ): void {
    const entry = this.index.entry(view.type, ref);
    if (entry === undefined) {
      this.#known.delete(name);
      this.#wakes.set(name, []);
      return;
    }
    this.#known.set(name, { view, ref });
    const { edges, unlisted } = this.#settling.settleAll(this.#functionsFor(view), entry, ref, occasion);
    this.#wakes.set(name, edges);
    for (const scope of unlisted) this.#blocked.set(scope, (this.#blocked.get(scope) ?? new Set()).add(name));
  }

  #armSweep(): void {
    const { clock, policy, random, clusterId } = this.#options;
    this.#cancelSweep = clock.schedule(policy.sweepMs * (0.75 + random() / 2), () => {
      const cause = causeOfTime(clusterId, "dev.capfn.step.swept", "sweep", clock.now());
      for (const name of this.#known.keys()) this.#markName(name, cause, true);
      this.#armSweep();
    });
  }
}
