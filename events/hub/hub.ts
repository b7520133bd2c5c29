import { Arrivals } from "#events/hub/arrivals.ts";
import { Hints } from "#events/hub/hints.ts";
import { Items } from "#events/hub/items.ts";
import { Judging } from "#events/hub/judging.ts";
import { LedgerKeeper } from "#events/hub/ledger.ts";
import { resourceName, type Scope } from "#events/hub/names.ts";
import { ObjectIndex } from "#events/hub/object-index.ts";
import type { HubObserver } from "#events/hub/observer.ts";
import type { HubOptions } from "#events/hub/options.ts";
import type { HubParts } from "#events/hub/parts.ts";
import { Runs } from "#events/hub/runs.ts";
import { Settling } from "#events/hub/settling.ts";
import { RunBuckets } from "#events/hub/thrash.ts";
import { Timers } from "#events/hub/timers.ts";
import { Wakes } from "#events/hub/wakes.ts";
import { WorkQueue } from "#events/hub/work-queue.ts";
import type { Cause, StepFunction } from "#functions/contract/function.ts";
import type { WatchEvent } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { Connection, ObjectRef, ResourceView } from "#platform/kube/view.ts";

/**
 * The hub: watches become an index, the index asks the predicates, true predicates become items in line, one of a key runs at a time, and
 * its outcome says when to look again. This class only passes things on; each part has its own file.
 */
export class Hub {
  readonly index: ObjectIndex;
  readonly #parts: HubParts;
  readonly #settling: Settling;
  readonly #ledger: LedgerKeeper;
  readonly #judging: Judging;
  readonly #arrivals: Arrivals;
  readonly #runs: Runs;
  #leads: boolean;
  #stopped = false;

  constructor(given: HubOptions) {
    const options: HubOptions = { ...given, observe: harmless(given.observe) };
    const index = new ObjectIndex(options.shard?.namespaces);
    this.index = index;
    this.#leads = options.standby !== true;
    const items = new Items();
    const parts: HubParts = {
      options,
      index,
      items,
      queue: new WorkQueue(),
      timers: new Timers(options.clock, (id) => this.#judging.due(id)),
      buckets: new RunBuckets(options.policy.thrash),
      hints: new Hints(),
      views: viewsOf(options.functions),
      leads: () => this.#leads,
    };
    this.#parts = parts;
    this.#settling = new Settling(parts);
    this.#ledger = new LedgerKeeper(options, items, index);
    this.#judging = new Judging({
      ...parts,
      settling: this.#settling,
      wakes: new Wakes(options.scopesOf, options.demand),
      ledger: this.#ledger,
      judged: () => {
        this.#runs.pump();
        this.#ledger.touched();
      },
    });
    this.#arrivals = new Arrivals({ ...parts, judging: this.#judging, ledger: this.#ledger });
    this.#runs = new Runs({
      ...parts,
      settling: this.#settling,
      epoch: () => this.#ledger.epoch,
      arrivals: this.#arrivals,
      again: (id, cause) => this.#judging.again(id, cause),
      hint: (view, ref, cause) => {
        if (!this.#stopped) this.#judging.hinted(view, ref, cause);
      },
    });
  }

  /** Restores the ledger, unless it stands by. Call before the first delta. */
  async start(): Promise<void> {
    if (!this.#leads) return;
    await this.#ledger.start();
    this.#judging.armSweep();
  }

  /**
   * Ends the standby: restores the ledger whole, and judges everything that is known. `epoch`: first part of attempt tokens, as the Lease counts.
   * Rejects when the ledger cannot be read; call again then.
   */
  async lead(epoch: number): Promise<void> {
    await this.#ledger.start(epoch);
    if (this.#stopped || this.#leads) return;
    this.#leads = true;
    this.#judging.armSweep();
    this.#judging.everything();
  }

  /** False on standby. */
  get leads(): boolean {
    return this.#leads;
  }

  /** A stream may list nothing older than this. */
  notOlderThan(view: ResourceView<unknown>, scope: Scope): string | undefined {
    return this.#ledger.versionOf(view, scope);
  }

  /** One event of a stream. Never throws. */
  receive(view: ResourceView<unknown>, scope: Scope, event: WatchEvent): void {
    if (!this.#stopped) this.#arrivals.receive(view, scope, event);
  }

  /** Puts an object of the hub's own into the index, e.g. the state of a connection. */
  publish(view: ResourceView<unknown>, object: KubeObject): void {
    if (!this.#stopped) this.#arrivals.put(view, { connection: "hub" }, object);
  }

  /** Takes an object of the hub's own out of the index. */
  withdraw(view: ResourceView<unknown>, object: KubeObject): void {
    this.receive(view, { connection: "hub" }, { type: "deleted", object });
  }

  /** Somebody looks at this API server. */
  connectionWanted(connection: Connection): void {
    this.#ledger.wanted(connection);
  }

  /**
   * An API server answers. `cluster`: uid of its `kube-system` Namespace, undefined when it may not be read. When the name led to another
   * cluster before, all that was known of that one is void, also its versions: those of two clusters are not comparable.
   */
  connected(connection: Connection, cluster: string | undefined): void {
    if (this.#stopped || cluster === undefined || !this.#ledger.leadsTo(connection, cluster)) return;
    this.#ledger.forgetVersions(connection);
    this.#arrivals.drop(connection);
    this.#runs.forgive(connection);
  }

  /** Nobody looks at the API server any more: nothing of it is kept. */
  connectionUnwanted(connection: Connection): void {
    if (this.#stopped) return;
    this.#ledger.unwanted(connection);
    this.#arrivals.drop(connection);
    this.#judging.unwanted(connection);
    this.#runs.forgive(connection);
  }

  /** A stream is no longer watched: what it showed is unknown from now on. */
  forget(view: ResourceView<unknown>, scope: Scope): void {
    if (!this.#stopped) this.#arrivals.forget(view, scope);
  }

  /** Any reason to look at an object: an alert, an injected event. It asks the predicates that look at the object, nothing more; `data` is for observers. */
  hint(
    view: ResourceView<unknown>,
    ref: ObjectRef,
    cause: Cause,
    data?: Readonly<Record<string, unknown>>,
  ): void {
    if (this.#stopped) return;
    this.#parts.options.observe({ kind: "happened", cause, object: { type: view.type, ref }, data });
    this.#judging.hinted(view, ref, cause);
  }

  /** Nothing is to be judged, running, or in line for a run. Waits and timers may be pending. */
  get idle(): boolean {
    const { queue, options } = this.#parts;
    const inLine = options.dispatch ? queue.length : 0;
    return this.#judging.idle && inLine === 0 && queue.inFlight === 0;
  }

  /** What the hub knows of an object's items, per function. */
  explain(ref: ObjectRef, view: ResourceView<unknown>) {
    const functions = this.#parts.options.functions.filter((fn) => fn.for === view);
    return functions.map((fn) => {
      const { id, ...found } = this.#settling.explain(fn, ref);
      return { ...found, running: this.#runs.standing(id) };
    });
  }

  /** Figures of the moment, for metrics. */
  figures() {
    const { options, queue, items, timers } = this.#parts;
    const now = options.clock.now();
    return {
      objects: this.index.size,
      queued: queue.length,
      inFlight: queue.inFlight,
      oldestQueuedMs: Math.max(0, now - (queue.oldest() ?? now)),
      parked: [...items.values()].filter(
        (item) =>
          item.record?.kind === "parked" && this.#settling.skipOf(item.function, item.object) === undefined,
      ).length,
      timers: timers.size,
      openBreakers: this.#runs.openBreakers(),
    };
  }

  /** Leadership is lost: nothing more is dispatched, and what is under way may not write any more. Only a new hub leads again. */
  stepDown(reason: string): void {
    this.#ledger.close();
    this.#runs.stop();
    this.#runs.abort(reason);
  }

  /** Ends: nothing more is dispatched, runs under way get until `graceMs` to end, the ledger is stored. */
  async stop(graceMs = 10_000): Promise<void> {
    this.#runs.stop();
    await this.#runs.drain(graceMs);
    this.#stopped = true;
    this.#judging.stop();
    this.#parts.timers.stop();
    await this.#ledger.stop();
  }
}

/** Every view of every function by its resource. Two views of one resource would make two truths of one object. */
function viewsOf(functions: readonly StepFunction[]): Map<string, ResourceView<unknown>> {
  const views = new Map<string, ResourceView<unknown>>();
  for (const view of functions.flatMap((fn) => fn.views)) {
    const name = resourceName(view.type);
    if ((views.get(name) ?? view) !== view)
      throw new Error(`two views of ${name}: every resource has one view, shared by its functions`);
    views.set(name, view);
  }
  return views;
}

/** An observer that throws, a full disk under the log say, must not end the hub. */
function harmless(observe: HubObserver): HubObserver {
  return (event) => {
    try {
      observe(event);
    } catch {
      // There is nobody left to tell.
    }
  };
}
