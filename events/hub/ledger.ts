import type { Items } from "#events/hub/items.ts";
import { collectionName, type Scope } from "#events/hub/names.ts";
import type { HubPolicy } from "#events/hub/policy.ts";
import type { LedgerStore } from "#events/hub/records.ts";
import type { ResourceView } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";

interface LedgerOptions {
  readonly clock: Clock;
  readonly policy: HubPolicy;
  readonly ledger: LedgerStore;
}

/** Longest time after the start in which first lists still count as part of it. */
const SETTLE_MS = 60_000;

/** Loads the ledger at the start and stores it, seldom, when it has changed. Losing it costs repeated looks, never a step. */
export class LedgerKeeper {
  readonly #options: LedgerOptions;
  readonly #items: Items;
  readonly #versions: () => Record<string, string>;
  #restoredVersions: Readonly<Record<string, string>> = {};
  #savedRevision = 0;
  #savedRecords = "{}";
  #cancelSave: (() => void) | undefined;
  #startedAt = 0;
  epoch = 1;

  constructor(options: LedgerOptions, items: Items, versions: () => Record<string, string>) {
    this.#options = options;
    this.#items = items;
    this.#versions = versions;
  }

  async start(): Promise<void> {
    this.#startedAt = this.#options.clock.monotonic();
    const snapshot = await this.#options.ledger.load();
    if (snapshot === undefined) return;
    this.epoch = snapshot.epoch + 1;
    this.#restoredVersions = snapshot.versions;
    this.#items.restore(snapshot.records);
    this.#savedRecords = JSON.stringify(snapshot.records);
  }

  /** Whether the start is over, so that an object seen for the first time is news and not part of the first list. */
  get settled(): boolean {
    return this.#options.clock.monotonic() - this.#startedAt > SETTLE_MS;
  }

  versionOf(view: ResourceView<unknown>, scope: Scope): string | undefined {
    return this.#restoredVersions[collectionName(view.type, scope.connection)];
  }

  /** Something may have changed; stores it after a while, together with what changes until then. */
  touched(): void {
    if (this.#items.revision === this.#savedRevision || this.#cancelSave !== undefined) return;
    this.#cancelSave = this.#options.clock.schedule(this.#options.policy.ledgerSaveMs, () => {
      this.#cancelSave = undefined;
      void this.#save(false);
    });
  }

  async stop(): Promise<void> {
    this.#cancelSave?.();
    await this.#save(true);
  }

  async #save(always: boolean): Promise<void> {
    const revision = this.#items.revision;
    const records = this.#items.records();
    const text = JSON.stringify(records);
    this.#savedRevision = revision;
    if (!always && text === this.#savedRecords) return;
    try {
      await this.#options.ledger.save({ format: 1, epoch: this.epoch, versions: this.#versions(), records });
      this.#savedRecords = text;
    } catch {
      // An unsaved ledger costs repeated looks after a restart; the next change tries again.
      this.#savedRevision = -1;
    }
  }
}
