import * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { KubeconfigError, parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import { secrets } from "#platform/kube/resources.ts";
import { harvesterConnection } from "#platform/kube/view.ts";

/** Name of an identity Secret. */
export interface Identity {
  readonly namespace: string;
  readonly name: string;
}

/** Clients for the Harvesters that identity Secrets lead to, each opened once. */
export interface Connections {
  /**
   * @throws KubeconfigError with the name of the Secret and the mend, never with its content
   * @throws KubeError when the Secret cannot be read
   */
  harvester(identity: Identity): Promise<KubeClient>;
  close(): void;
}

const identitySchema = z.looseObject({ data: z.looseObject({ kubeconfig: z.string() }) });

export function harvesterConnections(
  management: Pick<KubeClient, "get">,
  connect: (config: ConnectionConfig) => KubeClient,
): Connections {
  const opened = new Map<string, KubeClient>();
  return {
    harvester: async ({ namespace, name }) => {
      const connection = harvesterConnection({ namespace, name });
      const known = opened.get(connection);
      if (known !== undefined) return known;
      const secret = identitySchema.safeParse(await management.get(secrets, { namespace, name })).data;
      if (secret === undefined)
        throw new KubeconfigError(
          `identity Secret ${namespace}/${name} is absent or has no key kubeconfig; restore it`,
        );
      const kubeconfig = Buffer.from(secret.data.kubeconfig, "base64").toString("utf8");
      const client = connect(configOf(kubeconfig, { namespace, name }));
      opened.set(connection, client);
      return client;
    },
    close: () => {
      for (const client of opened.values()) client.close();
    },
  };
}

function configOf(kubeconfig: string, identity: Identity): ConnectionConfig {
  try {
    return parseKubeconfig(kubeconfig, harvesterConnection(identity));
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error;
    throw new KubeconfigError(`identity Secret ${identity.namespace}/${identity.name}: ${error.message}`, {
      cause: error,
    });
  }
}
