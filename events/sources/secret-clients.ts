import { parseConnection } from "#events/sources/connection-names.ts";
import { kubeconfigIn } from "#events/sources/kubeconfig-secret.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import { secrets } from "#platform/kube/resources.ts";
import type { Connection } from "#platform/kube/view.ts";

interface Made {
  readonly version: string;
  readonly client: KubeClient;
}

/**
 * Clients of Harvester and workload API servers for a process that watches nothing: the Secret behind a connection is read whenever the connection
 * is asked for, and a client is kept as long as its Secret stays as it was. Kubeconfigs are held nowhere else.
 */
export class SecretClients {
  readonly #management: KubeClient;
  readonly #connect: (config: ConnectionConfig) => KubeClient;
  readonly #made = new Map<Connection, Made>();

  constructor(management: KubeClient, connect: (config: ConnectionConfig) => KubeClient) {
    this.#management = management;
    this.#connect = connect;
  }

  /** Undefined when there is no Secret. Throws `KubeconfigError` when it holds none, `KubeError` when it cannot be read. */
  async client(connection: Connection): Promise<KubeClient | undefined> {
    if (connection === this.#management.connection) return this.#management;
    const at = parseConnection(connection);
    if (at === undefined) return undefined;
    const secret = await this.#management.get(secrets, { namespace: at.namespace, name: at.name });
    const known = this.#made.get(connection);
    if (secret === undefined) {
      this.#drop(connection);
      return undefined;
    }
    const version = `${secret.metadata.uid}/${secret.metadata.resourceVersion}`;
    if (known?.version === version) return known.client;
    const client = this.#connect(parseKubeconfig(kubeconfigIn(secret, at), connection));
    this.#drop(connection);
    this.#made.set(connection, { version, client });
    return client;
  }

  close(): void {
    for (const connection of this.#made.keys()) this.#drop(connection);
  }

  #drop(connection: Connection): void {
    this.#made.get(connection)?.client.close();
    this.#made.delete(connection);
  }
}
