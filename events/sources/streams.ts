import { scopeName, type Scope } from "#events/hub/names.ts";
import type { Hub } from "#events/hub/hub.ts";
import type { DemandListener } from "#events/hub/wakes.ts";
import { auditStream, type AuditOptions } from "#events/sources/auditor.ts";
import { runStream, type Deliver, type StreamHealth } from "#events/sources/stream.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { Connection, ResourceView } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";

interface Wanted {
  readonly view: ResourceView<unknown>;
  readonly scope: Scope;
  /** How many look at it. */
  count: number;
  /** Aborts the running watch; undefined while its connection is not up. */
  stop: AbortController | undefined;
  cancelLinger: (() => void) | undefined;
  cancelReopen: (() => void) | undefined;
  /** Since its last event no disruption was told. */
  healthy: boolean;
  /** When its last event came, monotonic ms; undefined before the first. */
  heardAt: number | undefined;
  /** Its kind is not installed, and need not be. */
  missing: boolean;
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
  /** Nobody looks at the connection any more. */
  readonly connectionUnwanted?: (connection: Connection) => void;
  /** Compares streams with their API server now and then; not at all when left out. */
  readonly audit?: AuditOptions | undefined;
}

/** Pause before a stream that ended by an error of our own is opened anew, ms. */
const REOPEN_MS = 5_000;
/** A watch that was not heard of for so long, ms, counts as lost: twice the silence after which it is opened anew. */
const LONGEST_SILENCE_MS = 180_000;

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

  /** One more looks at this stream; each call is answered by one of {@link unwanted}, or holds for ever. */
  wanted(view: ResourceView<unknown>, scope: Scope): void {
    const name = scopeName(view.type, scope);
    const known = this.#wanted.get(name);
    if (known !== undefined) {
      known.count += 1;
      known.cancelLinger?.();
      known.cancelLinger = undefined;
      return;
    }
    const wanted: Wanted = {
      view,
      scope,
      count: 1,
      stop: undefined,
      cancelLinger: undefined,
      cancelReopen: undefined,
      healthy: false,
      heardAt: undefined,
      missing: false,
    };
    this.#wanted.set(name, wanted);
    this.#options.connectionWanted(scope.connection);
    this.#open(wanted);
  }

  unwanted(view: ResourceView<unknown>, scope: Scope): void {
    const wanted = this.#wanted.get(scopeName(view.type, scope));
    if (wanted === undefined) return;
    wanted.count -= 1;
    if (wanted.count > 0) return;
    wanted.cancelLinger?.();
    wanted.cancelLinger = this.#options.clock.schedule(this.#options.lingerMs, () => this.#drop(wanted));
  }

  /** A connection came up, or was replaced by one with other credentials: its streams start over. */
  connected(connection: Connection, client: KubeClient): void {
    this.#clients.set(connection, client);
    for (const wanted of this.#of(connection)) this.#open(wanted);
  }

  /** The connection is gone for good or for now; what it showed stays, as the last thing known. */
  disconnected(connection: Connection): void {
    this.#clients.delete(connection);
    for (const wanted of this.#of(connection)) this.#close(wanted);
  }

  client(connection: Connection): KubeClient | undefined {
    return this.#clients.get(connection);
  }

  /** Streams that are wanted, with whether their first list is complete and they were heard of lately, or there is nothing to list. */
  state(): { name: string; ready: boolean; connection: Connection }[] {
    const now = this.#options.clock.monotonic();
    return [...this.#wanted].map(([name, { view, scope, heardAt, missing }]) => ({
      name,
      connection: scope.connection,
      ready:
        missing ||
        (heardAt !== undefined &&
          now - heardAt < LONGEST_SILENCE_MS &&
          (this.#hub?.index.listed(view, scope) ?? false)),
    }));
  }

  stop(): void {
    for (const wanted of this.#wanted.values()) {
      wanted.cancelLinger?.();
      this.#close(wanted);
    }
    this.#wanted.clear();
  }

  #of(connection: Connection): Wanted[] {
    return [...this.#wanted.values()].filter(({ scope }) => scope.connection === connection);
  }

  #drop(wanted: Wanted): void {
    const { view, scope } = wanted;
    this.#close(wanted);
    this.#wanted.delete(scopeName(view.type, scope));
    this.#hub?.forget(view, scope);
    if (this.#of(scope.connection).length > 0) return;
    this.#clients.delete(scope.connection);
    this.#options.connectionUnwanted?.(scope.connection);
  }

  #close(wanted: Wanted): void {
    wanted.cancelReopen?.();
    wanted.cancelReopen = undefined;
    wanted.stop?.abort();
    wanted.stop = undefined;
  }

  #open(wanted: Wanted): void {
    const client = this.#clients.get(wanted.scope.connection);
    const hub = this.#hub;
    if (client === undefined || hub === undefined) return;
    this.#close(wanted);
    const stop = new AbortController();
    wanted.stop = stop;
    const { clock, deliver, audit } = this.#options;
    const health = this.#healthOf(wanted);
    // A watch goes on by itself whatever its server does; that it ends is an error of our own, and must not leave us blind.
    const reopen = (): void => {
      if (!stop.signal.aborted) wanted.cancelReopen = clock.schedule(REOPEN_MS, () => this.#open(wanted));
    };
    runStream(hub, client, wanted, { signal: stop.signal, health, deliver }).then(
      reopen,
      (error: unknown) => {
        if (!stop.signal.aborted) health.disrupted(error instanceof Error ? error : new Error(String(error)));
        reopen();
      },
    );
    if (audit === undefined) return;
    auditStream(hub, client, wanted, {
      ...audit,
      clock,
      signal: stop.signal,
      healthy: () => wanted.healthy && !hub.index.isListing(wanted.view, wanted.scope),
      repair: () => {
        if (!stop.signal.aborted) this.#open(wanted);
      },
    });
  }
  #healthOf(wanted: Wanted): StreamHealth {
    const health = this.#options.health(wanted.scope.connection);
    wanted.healthy = false;
    return {
      alive: () => {
        wanted.missing = false;
        wanted.healthy = true;
        wanted.heardAt = this.#options.clock.monotonic();
        health.alive();
      },
      disrupted: (error) => {
        wanted.healthy = false;
        wanted.missing =
          wanted.view.mayBeMissing === true && isKubeError(error) && error.detail === "notServed";
        // An API server that says so is well.
        if (wanted.missing) health.alive();
        else health.disrupted(error);
      },
    };
  }
}
