import { scopeName, type Scope } from "#events/hub/names.ts";
import type { Hub } from "#events/hub/hub.ts";
import type { DemandListener } from "#events/hub/wakes.ts";
import { runStream, type Deliver, type StreamHealth } from "#events/sources/stream.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { Connection, ResourceView } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";

interface Wanted {
  readonly view: ResourceView<unknown>;
  readonly scope: Scope;
  /** Aborts the running watch; undefined while its connection is not up. */
  stop: AbortController | undefined;
  cancelLinger: (() => void) | undefined;
}

export interface StreamsOptions {
  readonly clock: Clock;
  /** A stream nobody looks at any more is kept this long: a Machine that goes is often followed by the next. */
  readonly lingerMs: number;
  readonly health: (connection: Connection) => StreamHealth;
  /** Takes every event of every stream. */
  readonly deliver: Deliver;
  /** A connection is looked at for the first time. */
  readonly connectionWanted: (connection: Connection) => void;
}

/** Keeps exactly the watches running that somebody looks at, over the connections that are up. */
export class Streams implements DemandListener {
  readonly #options: StreamsOptions;
  readonly #wanted = new Map<string, Wanted>();
  readonly #clients = new Map<Connection, KubeClient>();
  #hub: Hub | undefined;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  attach(hub: Hub): void {
    this.#hub = hub;
  }

  wanted(view: ResourceView<unknown>, scope: Scope): void {
    const name = scopeName(view.type, scope);
    const known = this.#wanted.get(name);
    if (known !== undefined) {
      known.cancelLinger?.();
      known.cancelLinger = undefined;
      return;
    }
    const wanted: Wanted = { view, scope, stop: undefined, cancelLinger: undefined };
    this.#wanted.set(name, wanted);
    this.#options.connectionWanted(scope.connection);
    this.#open(wanted);
  }

  unwanted(view: ResourceView<unknown>, scope: Scope): void {
    const name = scopeName(view.type, scope);
    const wanted = this.#wanted.get(name);
    if (wanted === undefined) return;
    wanted.cancelLinger = this.#options.clock.schedule(this.#options.lingerMs, () => {
      wanted.stop?.abort();
      this.#wanted.delete(name);
      this.#hub?.forget(view, scope);
    });
  }

  /** A connection came up, or was replaced by one with other credentials: its streams start over. */
  connected(connection: Connection, client: KubeClient): void {
    this.#clients.set(connection, client);
    for (const wanted of this.#wanted.values())
      if (wanted.scope.connection === connection) this.#open(wanted);
  }

  /** The connection is gone for good or for now; what it showed stays, as the last thing known. */
  disconnected(connection: Connection): void {
    this.#clients.delete(connection);
    for (const wanted of this.#wanted.values()) {
      if (wanted.scope.connection === connection) {
        wanted.stop?.abort();
        wanted.stop = undefined;
      }
    }
  }

  client(connection: Connection): KubeClient | undefined {
    return this.#clients.get(connection);
  }

  /** Streams that are wanted, with whether their first list is complete. */
  state(): { name: string; listed: boolean; connection: Connection }[] {
    return [...this.#wanted].map(([name, { view, scope }]) => ({
      name,
      connection: scope.connection,
      listed: this.#hub?.index.listed(view, scope) ?? false,
    }));
  }

  stop(): void {
    for (const { stop, cancelLinger } of this.#wanted.values()) {
      cancelLinger?.();
      stop?.abort();
    }
    this.#wanted.clear();
  }

  #open(wanted: Wanted): void {
    const client = this.#clients.get(wanted.scope.connection);
    const hub = this.#hub;
    if (client === undefined || hub === undefined) return;
    wanted.stop?.abort();
    const stop = new AbortController();
    wanted.stop = stop;
    const health = this.#options.health(wanted.scope.connection);
    runStream(hub, client, wanted, { signal: stop.signal, health, deliver: this.#options.deliver }).catch(
      (error: unknown) => {
        if (!stop.signal.aborted) health.disrupted(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }
}
