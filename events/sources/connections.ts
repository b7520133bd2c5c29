import { compareVersions } from "#events/hub/versions.ts";
import { connectionsFrom, parseConnection, type SecretLocation } from "#events/sources/connection-names.ts";
import { kubeconfigIn } from "#events/sources/kubeconfig-secret.ts";
import { connectionStateView, type ConnectionState } from "#platform/cluster-api/connection-state.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { connectionFailure } from "#events/sources/connection-failure.ts";
import { KubeconfigError, parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { namespaces, secrets } from "#platform/kube/resources.ts";
import type { Connection } from "#platform/kube/view.ts";
import { apiVersionOf } from "#platform/kube/resource.ts";
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
    const answer = await this.#try(connection, location);
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

  async #try(connection: Connection, { namespace, name, key }: SecretLocation): Promise<Answer> {
    let secretVersion: string | undefined;
    let client: KubeClient | undefined;
    let config: ConnectionConfig | undefined;
    try {
      const secret = await this.#options.management.get(secrets, { namespace, name });
      if (secret === undefined) {
        const message = `Secret ${namespace}/${name} does not exist; create it with a kubeconfig under the key "${key}"`;
        return { secretVersion: "absent", state: { state: "failed", reason: "SecretNotFound", message } };
      }
      secretVersion = secret.metadata.resourceVersion;
      this.#managementUid ??= await uidOf(this.#options.management);
      config = parseKubeconfig(kubeconfigIn(secret, { namespace, name, key }), connection);
      client = this.#options.connect(config);
      const cluster = await probe(client);
      return { secretVersion, client, cluster, state: connectedTo(config.server) };
    } catch (error) {
      client?.close();
      const retry = !(error instanceof KubeconfigError);
      const tried = { server: config?.server, config, now: this.#options.clock.now() };
      return { secretVersion, state: connectionFailure(error, tried), retry };
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
    const { type } = connectionStateView;
    return {
      apiVersion: apiVersionOf(type),
      kind: type.kind,
      metadata: { name: connection, uid: connection, resourceVersion: String(this.#published) },
      ...state,
    };
  }
}

interface Answer {
  readonly secretVersion?: string | undefined;
  readonly client?: KubeClient;
  readonly cluster?: string | undefined;
  readonly state: ConnectionState;
  readonly retry?: boolean;
}

/** Events of a watch may come after the Secret has been read at a newer version. */
function isKnownToBeOlder(version: string, known: string): boolean {
  return /^\d+$/.test(version) && /^\d+$/.test(known) && compareVersions(version, known) < 0;
}

/**
 * One request that any authenticated identity may make: an answer, even "forbidden", proves address, trust and credentials. The uid of this
 * Namespace is the nearest there is to an id of the cluster, as it is made with it and never deleted.
 */
async function probe(client: KubeClient): Promise<string | undefined> {
  try {
    return (await client.get(namespaces, { name: "kube-system" }))?.metadata.uid;
  } catch (error) {
    if (!isKubeError(error, "forbidden")) throw error;
    return undefined;
  }
}

/** What tells this management cluster from others; undefined when it may not be read, then nothing that rests on it is done. */
async function uidOf(management: KubeClient): Promise<string | undefined> {
  try {
    return (await management.get(namespaces, { name: "kube-system" }))?.metadata.uid;
  } catch (error) {
    if (!isKubeError(error, "forbidden")) throw error;
    return undefined;
  }
}

function connectedTo(server: string | undefined): ConnectionState {
  return server === undefined ? { state: "connected" } : { state: "connected", server };
}
