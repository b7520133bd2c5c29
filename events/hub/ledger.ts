import type { Items } from "#events/hub/items.ts";
import { collectionName, connectionIn, type Scope } from "#events/hub/names.ts";
import type { ObjectIndex } from "#events/hub/object-index.ts";
import type { HubOptions } from "#events/hub/options.ts";
import { digest } from "#events/hub/projection.ts";
import { newerVersion } from "#events/hub/versions.ts";
import { MANAGEMENT, type Connection, type ResourceView } from "#platform/kube/view.ts";

/** Longest time after the start in which first lists still count as part of it. */
const SETTLE_MS = 60_000;

/** Loads the ledger at the start and stores it, seldom, when it has changed. Losing it costs repeated looks, never a step. */
export class LedgerKeeper {
  readonly #options: HubOptions;
  readonly #items: Items;
  readonly #index: ObjectIndex;
  #restoredVersions: Readonly<Record<string, string>> = {};
  /** Which cluster each connection led to, by uid. */
  readonly #clusters = new Map<Connection, string>();
  /** Connections somebody has looked at in this life. */
  readonly #wanted = new Set<Connection>([MANAGEMENT]);
  #savedRevision = 0;
  #savedRecords = digest({});
  #cancelSave: (() => void) | undefined;
  /** Saves follow each other, so that two never mix. */
  #saving: Promise<void> = Promise.resolve();
  /** Monotonic ms; undefined on standby, when another hub owns the stored ledger. */
  #startedAt: number | undefined;
  #epoch = 0;
  /** Collections whose storage was set back in this life. */
  readonly #rewound = new Set<string>();
  #closed = false;

  constructor(options: HubOptions, items: Items, index: ObjectIndex) {
    this.#options = options;
    this.#items = items;
    this.#index = index;
  }

  /** `epoch`: as a Lease counts the leaders. A Lease that was deleted begins anew; the ledger does not. */
  async start(epoch = this.#options.epoch): Promise<void> {
    const { clock, ledger } = this.#options;
    const snapshot = await ledger.load();
    this.#startedAt = clock.monotonic();
    // The start time keeps lives apart that ended before they stored anything.
    this.#epoch = Math.max((snapshot?.epoch ?? 0) + 1, epoch ?? Math.floor(clock.now() / 1000));
    if (snapshot === undefined) return;
    this.#restoredVersions = Object.fromEntries(
      Object.entries(snapshot.versions).filter(([name]) => !this.#rewound.has(name)),
    );
    for (const [connection, uid] of Object.entries(snapshot.clusters)) {
      const known = this.#clusters.get(connection);
      this.#clusters.set(connection, known ?? uid);
      if (known !== undefined && known !== uid) this.forgetVersions(connection);
    }
    this.#items.restore(snapshot.records);
    this.#savedRecords = digest(snapshot.records);
  }

  /** First part of every attempt token: larger in each life of the hub. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether the start is over, so that an object seen for the first time is news and not part of the first list. */
  get settled(): boolean {
    return this.#startedAt !== undefined && this.#options.clock.monotonic() - this.#startedAt > SETTLE_MS;
  }

  /** The newest version heard of a collection, in this life or an earlier one. */
  versionOf(view: ResourceView<unknown>, scope: Scope): string | undefined {
    const name = collectionName(view.type, scope.connection);
    const restored = this.#restoredVersions[name];
    const { progress } = this.#index.collection(view, scope.connection);
    return progress === undefined ? restored : newerVersion(restored, progress);
  }

  /** The storage behind the collection was set back: what was heard before no longer binds. */
  rewound(view: ResourceView<unknown>, scope: Scope): void {
    const name = collectionName(view.type, scope.connection);
    this.#rewound.add(name);
    const { [name]: _, ...others } = this.#restoredVersions;
    this.#restoredVersions = others;
  }

  /** Somebody looks at this API server. */
  wanted(connection: Connection): void {
    this.#wanted.add(connection);
  }

  /** The connection leads to this cluster. Returns whether it is known to have led to another. */
  leadsTo(connection: Connection, cluster: string): boolean {
    const known = this.#clusters.get(connection);
    this.#clusters.set(connection, cluster);
    return known !== undefined && known !== cluster;
  }

  /** Versions heard from this API server say nothing any more. */
  forgetVersions(connection: Connection): void {
    this.#restoredVersions = Object.fromEntries(
      Object.entries(this.#restoredVersions).filter(([name]) => connectionIn(name) !== connection),
    );
  }

  /** Nobody looks at the API server any more. */
  unwanted(connection: Connection): void {
    this.#wanted.delete(connection);
    this.#clusters.delete(connection);
    this.forgetVersions(connection);
  }

  /** Something may have changed; stores it after a while, together with what changes until then. */
  touched(): void {
    if (this.#items.revision === this.#savedRevision || this.#cancelSave !== undefined) return;
    const { clock, policy } = this.#options;
    this.#cancelSave = clock.schedule(policy.ledgerSaveMs, () => {
      this.#cancelSave = undefined;
      void this.#save(false);
    });
  }

  /** Another hub owns the stored ledger from now on. */
  close(): void {
    this.#closed = true;
  }

  async stop(): Promise<void> {
    this.#cancelSave?.();
    await this.#save(true);
  }

  #save(always: boolean): Promise<void> {
    this.#saving = this.#saving.then(() => this.#saveNow(always));
    return this.#saving;
  }

  async #saveNow(always: boolean): Promise<void> {
    if (this.#closed || this.#startedAt === undefined) return;
    if (this.settled) this.#forgetUnwanted();
    const { revision } = this.#items;
    const records = this.#items.records();
    const mark = digest(records);
    this.#savedRevision = revision;
    if (!always && mark === this.#savedRecords) return;
    const versions = { ...this.#restoredVersions, ...this.#index.versions() };
    const clusters = Object.fromEntries(this.#clusters);
    try {
      await this.#options.ledger.save({ format: 1, epoch: this.epoch, versions, clusters, records });
      this.#savedRecords = mark;
    } catch {
      // An unsaved ledger costs repeated looks after a restart; the next change tries again.
      this.#savedRevision = -1;
    }
  }

  /** API servers of an earlier life that nobody has looked at since are gone for good. */
  #forgetUnwanted(): void {
    const known = new Set([
      ...this.#clusters.keys(),
      ...Object.keys(this.#restoredVersions).map(connectionIn),
    ]);
    for (const connection of known) if (!this.#wanted.has(connection)) this.unwanted(connection);
  }
}
