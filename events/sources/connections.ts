import { compareVersions } from "#events/hub/versions.ts";
import { connectionsFrom, parseConnection, type SecretLocation } from "#events/sources/connection-names.ts";
import { connectionFailure } from "#events/sources/connection-failure.ts";
import { connectedTo, stateObject, tryConnection } from "#events/sources/connection-try.ts";
import type { ConnectionState } from "#platform/cluster-api/connection-state.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { Connection } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface ConnectionsOptions {
  readonly management: KubeClient;
  readonly clock: Clock;
  readonly connect: (config: ConnectionConfig) => KubeClient;
  /** `cluster`: uid of the `kube-system` Namespace there; undefined when it may not be read. */
  readonly up: (connection: Connection, client: KubeClient, cluster: string | undefined) => void;
  readonly down: (connection: Connection) => void;
  /** Shows the state to the predicates. */
  readonly publish: (state: KubeObject) => void;
  /** Takes the state back: nobody wants the connection any more. */
  readonly withdraw: (state: KubeObject) => void;
  /** Pause before an unreachable API server is tried again, ms. */
  readonly retryMs: number;
}

interface Open {
  /** Version of the Secret the connection was made from; `absent` when there was none. */
  secretVersion: string;
  client: KubeClient | undefined;
  state: ConnectionState | undefined;
  /** Moves with every try, so that an older one that is still under way cannot win. */
  generation: number;
  cancelRetry: (() => void) | undefined;
}

/** Connections to Harvester and workload API servers, made from Secrets, replaced when the Secret changes. Kubeconfigs are held nowhere else. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<Connection, Open>();
  #published = 0;
  #managementUid: string | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Somebody looks at this API server. */
  want(connection: Connection): void {
    const location = parseConnection(connection);
    if (location === undefined || this.#open.has(connection)) return;
    this.#open.set(connection, {
      secretVersion: "",
      client: undefined,
      state: undefined,
      generation: 0,
      cancelRetry: undefined,
    });
    this.#publish(connection, { state: "connecting" });
    void this.#connect(connection, location);
  }

  /** A Secret changed; connections made from it are made anew. `version` is its resourceVersion, or `absent`. */
  secretChanged(namespace: string, name: string, version: string): void {
    for (const connection of connectionsFrom(namespace, name)) {
      const open = this.#open.get(connection);
      const location = parseConnection(connection);
      if (open === undefined || location === undefined) continue;
      if (open.secretVersion === version || isKnownToBeOlder(version, open.secretVersion)) continue;
      void this.#connect(connection, location);
    }
  }

  /** Nobody looks at this API server any more: it is left alone, also while it cannot be reached. */
  unwant(connection: Connection): void {
    const open = this.#open.get(connection);
    open?.cancelRetry?.();
    open?.client?.close();
    this.#open.delete(connection);
    if (open?.state !== undefined) this.#options.withdraw(this.#stateObject(connection, open.state));
  }

  /** A stream of this connection delivers. */
  alive(connection: Connection): void {
    const open = this.#open.get(connection);
    if (open?.state?.state === "failed" && open.client !== undefined)
      this.#publish(connection, connectedTo(open.state.server));
  }

  /** A stream of this connection could not go on; streams retry by themselves, this only says so. */
  disrupted(connection: Connection, error: Error): void {
    const open = this.#open.get(connection);
    if (open?.state?.state !== "connected" || !isKubeError(error, "unavailable", "timeout", "unauthorized"))
      return;
    const tried = { server: open.state.server, now: this.#options.clock.now() };
    this.#publish(connection, connectionFailure(error, tried));
  }

  stop(): void {
    for (const open of this.#open.values()) {
      open.cancelRetry?.();
      open.client?.close();
    }
    this.#open.clear();
  }

  async #connect(connection: Connection, location: SecretLocation): Promise<void> {
    const open = this.#open.get(connection);
    if (open === undefined) return;
    open.generation += 1;
    const { generation } = open;
    open.cancelRetry?.();
    const answer = await tryConnection(connection, location, {
      ...this.#options,
      managementUid: this.#managementUid,
    });
    this.#managementUid ??= answer.managementUid;
    if (this.#open.get(connection) !== open || open.generation !== generation) {
      answer.client?.close();
      return;
    }
    open.secretVersion = answer.secretVersion ?? open.secretVersion;
    const before = open.client;
    open.client = answer.client;
    if (answer.client === undefined) this.#options.down(connection);
    else this.#options.up(connection, answer.client, answer.cluster);
    before?.close();
    this.#publish(connection, answer.state);
    if (answer.retry) {
      open.cancelRetry = this.#options.clock.schedule(
        this.#options.retryMs,
        () => void this.#connect(connection, location),
      );
    }
  }

  #publish(connection: Connection, said: ConnectionState): void {
    const open = this.#open.get(connection);
    const managementUid = this.#managementUid;
    const state = managementUid === undefined ? said : { ...said, managementUid };
    if (open === undefined || JSON.stringify(open.state) === JSON.stringify(state)) return;
    open.state = state;
    this.#options.publish(this.#stateObject(connection, state));
  }

  #stateObject(connection: Connection, state: ConnectionState): KubeObject {
    this.#published += 1;
    return stateObject(connection, state, this.#published);
  }
}

/** Events of a watch may come after the Secret has been read at a newer version. */
function isKnownToBeOlder(version: string, known: string): boolean {
  return /^\d+$/.test(version) && /^\d+$/.test(known) && compareVersions(version, known) < 0;
}
