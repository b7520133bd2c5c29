import * as z from "zod";
import { clusterNameLabel } from "#api/names.ts";
import { CLOUD_RECORD_PREFIX } from "#platform/cluster-api/cloud-config-record.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import type { KubeObject, ObjectName, ResourceType } from "#platform/kube/resource.ts";
import { configMaps, secrets } from "#platform/kube/resources.ts";

/** Secrets by the file they go to. */
export interface SecretFiles extends Record<string, readonly KubeObject[]> {
  readonly "cluster-secrets.yaml": readonly KubeObject[];
  readonly "identity-secrets.yaml": readonly KubeObject[];
  readonly "addon-secrets.yaml": readonly KubeObject[];
}

/** Names that add-ons of Harvester clusters have by habit; those a ClusterResourceSet names are taken in any case. */
const ADDON =
  /ccm-addon|csi-addon|cni-addon|calico-addon|cloud-controller|harvester-csi|cloud-config|calico-helm-config/;

/** Secrets of a cluster that may lack its label. */
const SUFFIXES = ["kubeconfig", "ssh", "ca", "etcd", "proxy", "sa"];

const namingSchema = z.looseObject({
  spec: z
    .looseObject({
      identitySecret: z.looseObject({ namespace: z.string().optional(), name: z.string() }).optional(),
      updateCloudProviderConfig: z
        .looseObject({ manifestsConfigMapNamespace: z.string(), manifestsConfigMapName: z.string() })
        .optional(),
      resources: z
        .array(z.looseObject({ kind: z.string().optional(), name: z.string().optional() }))
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
});

/** The Secrets of clusters, those with the identity on Harvester wherever they are, and those that ClusterResourceSets ship. */
export async function namedSecrets(
  client: Pick<KubeReader, "get" | "list">,
  objects: readonly KubeObject[],
  namespace: string | undefined,
): Promise<SecretFiles> {
  const known = new Set<string>();
  const cluster: KubeObject[] = [];
  const take = (into: KubeObject[], object: KubeObject | undefined): void => {
    if (object === undefined || known.has(object.metadata.uid)) return;
    known.add(object.metadata.uid);
    into.push(object);
  };
  for await (const secret of client.list(secrets, { namespace, labelSelector: clusterNameLabel }))
    take(cluster, secret);
  const clusters = objects.filter(
    ({ kind, apiVersion }) => kind === "Cluster" && apiVersion.startsWith("cluster."),
  );
  for (const { metadata } of clusters)
    for (const suffix of SUFFIXES)
      take(
        cluster,
        await client.get(secrets, { namespace: metadata.namespace, name: `${metadata.name}-${suffix}` }),
      );
  const identity: KubeObject[] = [];
  for (const name of identitiesIn(objects)) take(identity, await client.get(secrets, name));
  const addon: KubeObject[] = [];
  for (const name of shippedBy(objects, "Secret")) take(addon, await client.get(secrets, name));
  return { "cluster-secrets.yaml": cluster, "identity-secrets.yaml": identity, "addon-secrets.yaml": addon };
}

/** ConfigMaps with add-ons. */
export interface NamedConfigMaps {
  readonly open: readonly KubeObject[];
  /** The credentials of a cloud provider are, or may be, in them: they are to be kept like Secrets. */
  readonly withCredentials: readonly KubeObject[];
}

/** ConfigMaps with add-ons: by name, by the ClusterResourceSets that ship them, by the clusters that write credentials into them. */
export async function namedConfigMaps(
  client: Pick<KubeReader, "get" | "list">,
  objects: readonly KubeObject[],
  namespace: string | undefined,
): Promise<NamedConfigMaps> {
  const found = new Map<string, KubeObject>();
  for await (const map of client.list(configMaps, { namespace }))
    if (ADDON.test(map.metadata.name)) found.set(map.metadata.uid, map);
  const written = objects.flatMap((object) => {
    const config = namingOf(object)?.updateCloudProviderConfig;
    if (config === undefined) return [];
    return [{ namespace: config.manifestsConfigMapNamespace, name: config.manifestsConfigMapName }];
  });
  for (const name of [...written, ...shippedBy(objects, "ConfigMap")]) {
    const map = await client.get(configMaps, name);
    if (map !== undefined) found.set(map.metadata.uid, map);
  }
  const places = new Set(written.map(({ namespace: place, name }) => `${place}/${name}`));
  const all = [...found.values()];
  const isSecret = ({ metadata }: KubeObject): boolean =>
    places.has(`${metadata.namespace ?? ""}/${metadata.name}`) ||
    Object.keys(metadata.annotations ?? {}).some((name) => name.startsWith(CLOUD_RECORD_PREFIX));
  return { open: all.filter((map) => !isSecret(map)), withCredentials: all.filter(isSecret) };
}

function identitiesIn(objects: readonly KubeObject[]): ObjectName[] {
  return objects.flatMap((object) => {
    const identity = namingOf(object)?.identitySecret;
    // A HarvesterIPPool names a Secret of its own namespace.
    const namespace = identity?.namespace ?? object.metadata.namespace;
    return identity === undefined || namespace === undefined ? [] : [{ namespace, name: identity.name }];
  });
}

function shippedBy(objects: readonly KubeObject[], kind: "Secret" | "ConfigMap"): ObjectName[] {
  return objects
    .filter((object) => object.kind === "ClusterResourceSet")
    .flatMap((object) =>
      (namingOf(object)?.resources ?? []).flatMap(({ kind: shipped, name }) =>
        shipped === kind && name !== undefined ? [{ namespace: object.metadata.namespace, name }] : [],
      ),
    );
}

function namingOf(object: KubeObject) {
  return namingSchema.safeParse(object).data?.spec;
}

/** How an object is called in lists for people. */
export function shownName(type: Pick<ResourceType, "kind">, { metadata }: KubeObject): string {
  const { namespace, name } = metadata;
  return `${type.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}
