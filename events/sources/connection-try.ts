import { connectionFailure } from "#events/sources/connection-failure.ts";
import type { SecretLocation } from "#events/sources/connection-names.ts";
import { kubeconfigIn } from "#events/sources/kubeconfig-secret.ts";
import { connectionStateView, type ConnectionState } from "#platform/cluster-api/connection-state.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { KubeconfigError, parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import { apiVersionOf, type KubeObject } from "#platform/kube/resource.ts";
import { namespaces, secrets } from "#platform/kube/resources.ts";
import type { Connection } from "#platform/kube/view.ts";
import type { Clock } from "#platform/process/clock.ts";

/** What opens connections. */
interface ConnectionMeans {
  readonly management: KubeClient;
  readonly connect: (config: ConnectionConfig) => KubeClient;
  /** Its wall clock tells whether a credential has expired. */
  readonly clock: Clock;
  /** Uid of the management cluster's `kube-system` Namespace, if it is known: then it is not read. */
  readonly managementUid?: string | undefined;
}

/** What came of trying a connection. */
export interface ConnectionTry {
  /** resourceVersion of its Secret, or `absent`; undefined when it could not be read. */
  readonly secretVersion?: string | undefined;
  /** The caller closes it. */
  readonly client?: KubeClient;
  /** Uid of the `kube-system` Namespace there; undefined when it may not be read. */
  readonly cluster?: string | undefined;
  readonly managementUid?: string | undefined;
  readonly state: ConnectionState;
  /** Time may mend it. */
  readonly retry?: boolean;
}

/** Opens a connection by its Secret and asks its API server one thing. Never throws: what went wrong is the state. */
export async function tryConnection(
  connection: Connection,
  { namespace, name, key }: SecretLocation,
  { management, connect, clock, managementUid: known }: ConnectionMeans,
): Promise<ConnectionTry> {
  let secretVersion: string | undefined;
  let managementUid: string | undefined;
  let client: KubeClient | undefined;
  let config: ConnectionConfig | undefined;
  try {
    const secret = await management.get(secrets, { namespace, name });
    if (secret === undefined) {
      const message = `Secret ${namespace}/${name} does not exist; create it with a kubeconfig under the key "${key}"`;
      return { secretVersion: "absent", state: { state: "failed", reason: "SecretNotFound", message } };
    }
    secretVersion = secret.metadata.resourceVersion;
    managementUid = known ?? (await uidOf(management));
    config = parseKubeconfig(kubeconfigIn(secret, { namespace, name, key }), connection);
    client = connect(config);
    const cluster = await probe(client);
    return { secretVersion, managementUid, client, cluster, state: connectedTo(config.server) };
  } catch (error) {
    client?.close();
    const retry = !(error instanceof KubeconfigError);
    const tried = { server: config?.server, config, now: clock.now() };
    return { secretVersion, managementUid, state: connectionFailure(error, tried), retry };
  }
}

/** The state as the index has it. */
export function stateObject(connection: Connection, state: ConnectionState, version: number): KubeObject {
  const { type } = connectionStateView;
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata: { name: connection, uid: connection, resourceVersion: String(version) },
    ...state,
  };
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

export function connectedTo(server: string | undefined): ConnectionState {
  return server === undefined ? { state: "connected" } : { state: "connected", server };
}
