import { backedUpKinds } from "#cli/backup/kinds.ts";
import { listIfServed } from "#cli/backup/list-if-served.ts";
import { namedConfigMaps, namedSecrets, shownName, type SecretFiles } from "#cli/backup/named-objects.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { KubeconfigError } from "#platform/kube/kubeconfig.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import { configMaps, ipPools, namespaces, secrets } from "#platform/kube/resources.ts";

/** Objects of one kind, and the file they go to. */
export interface BackupFile {
  readonly file: string;
  readonly type: ResourceType;
  readonly objects: readonly KubeObject[];
  /** Created by a restore; false: for people. */
  readonly restore: boolean;
}

export interface CollectOptions {
  readonly namespace: string | undefined;
  readonly withSecrets: boolean;
  /** A client for the Harvester of an identity Secret. */
  readonly harvester: (identity: { namespace: string; name: string }) => Promise<KubeClient>;
}

export interface Collected {
  readonly files: readonly BackupFile[];
  /** What belongs to a backup and is not in this one, each with the reason. */
  readonly leftOut: readonly string[];
}

/** Everything a backup consists of, read from the management cluster and, for reference, from Harvester. Writes nothing. */
export async function collect(client: KubeClient, options: CollectOptions): Promise<Collected> {
  const { namespace, withSecrets } = options;
  const files: BackupFile[] = [];
  for (const { type, file, installs } of await backedUpKinds(client)) {
    const objects = await listIfServed(client, type, type.namespaced ? { namespace } : {});
    files.push({ file, type, objects, restore: !installs });
  }
  const found = files.flatMap(({ objects }) => objects);
  const named: SecretFiles = await namedSecrets(client, found, namespace);
  if (withSecrets)
    for (const [file, objects] of Object.entries(named))
      files.push({ file, type: secrets, objects, restore: true });
  const maps = await namedConfigMaps(client, found, namespace);
  const kept = withSecrets ? [...maps.open, ...maps.withCredentials] : maps.open;
  files.push({ file: "addon-configmaps.yaml", type: configMaps, objects: kept, restore: true });
  files.push(await namespacesOf(client, files));
  const pools = await poolsOf(named["identity-secrets.yaml"], options);
  const secretMaps = withSecrets ? [] : maps.withCredentials;
  return {
    files: [...files, ...pools.files],
    leftOut: [
      ...secretMaps.map(
        (map) => `${shownName(configMaps, map)}: the credentials of a cloud provider are in it`,
      ),
      ...pools.leftOut,
    ],
  };
}

/** The namespaces the objects are in, for their labels: a restore creates those that are missing. */
async function namespacesOf(client: KubeClient, files: readonly BackupFile[]): Promise<BackupFile> {
  const names = new Set(
    files.flatMap(({ objects }) => objects.flatMap(({ metadata }) => metadata.namespace ?? [])),
  );
  const objects: KubeObject[] = [];
  for (const name of [...names].toSorted()) {
    const object = await client.get(namespaces, { name });
    if (object !== undefined) objects.push(object);
  }
  return { file: "namespaces.yaml", type: namespaces, objects, restore: true };
}

/** IPPools of each Harvester, so that one sees later who held which address. They live on Harvester and are not restored. */
async function poolsOf(identities: readonly KubeObject[], { harvester }: CollectOptions): Promise<Collected> {
  const files: BackupFile[] = [];
  const leftOut: string[] = [];
  for (const { metadata } of identities) {
    const { namespace = "", name } = metadata;
    const file = `harvester-ippools.${namespace}.${name}.yaml`;
    try {
      const client = await harvester({ namespace, name });
      files.push({ file, type: ipPools, objects: await listIfServed(client, ipPools), restore: false });
    } catch (error) {
      leftOut.push(`IPPools of the Harvester of Secret ${namespace}/${name}: ${whyNot(error)}`);
    }
  }
  return { files, leftOut };
}

/** No text of a server and no content of a Secret. */
function whyNot(error: unknown): string {
  if (error instanceof KubeconfigError) return error.message;
  if (isKubeError(error)) return `it does not answer (${error.reason})`;
  throw error;
}
