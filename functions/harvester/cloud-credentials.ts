import * as z from "zod";
import type { Deps, StepClient } from "#functions/contract/deps.ts";
import { ownerCluster } from "#functions/harvester/owner-cluster.ts";
import { claimOn, cloudAccountName, cloudBindingName } from "#functions/harvester/cluster-names.ts";
import {
  CLOUD_RECORD_PREFIX,
  readCloudRecord,
  type CloudConfigRecord,
  type CloudMark,
} from "#platform/cluster-api/cloud-config-record.ts";
import { textDigest } from "#platform/cluster-api/config-map.ts";
import { clusterIdentity, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { bindsOnly, clusterRoleBindingSchema } from "#platform/harvester/cloud-account.ts";
import { ManifestError, secretValues, withoutSecretValue } from "#platform/kube/manifest-secret.ts";
import type { KubeObject, ObjectName, ResourceType } from "#platform/kube/resource.ts";
import { clusterRoleBindings, configMaps, secrets, serviceAccounts } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Own = Seen<HarvesterClusterBody>;

/** Where Harvester's cloud provider looks for its credentials in a guest cluster. */
export const SECRET_NAMESPACE = "kube-system";

const dataSchema = z.looseObject({
  data: z.record(z.string(), z.string()).nullish(),
  immutable: z.boolean().nullish(),
});

/** The texts of a ConfigMap as the API server answered. */
export function textsOf(configMap: KubeObject): Readonly<Record<string, string>> {
  return dataSchema.parse(configMap).data ?? {};
}

/**
 * Takes out of the ConfigMap what was put in for the cluster, as far as it is still that, and our record of it. A ConfigMap that is gone, or
 * was changed to something that cannot be read, is left alone; so is an immutable one, whose data nobody can change: the token in it ends with the
 * ServiceAccount.
 *
 * @throws KubeError `conflict` when somebody else writes it at the same time.
 */
export async function withdrawFromConfigMap(
  { management }: Pick<Deps, "management">,
  own: Own,
  { namespace, name }: CloudMark,
): Promise<void> {
  const configMap = await management.get(configMaps, { namespace, name });
  const annotations = configMap?.metadata.annotations ?? {};
  const record = readCloudRecord(annotations, clusterIdentity(own));
  if (configMap === undefined || record === undefined || dataSchema.parse(configMap).immutable === true)
    return;
  const { resourceVersion } = configMap.metadata;
  const text = textWithout(textsOf(configMap)[record.key], record);
  await management.mergePatch(
    configMaps,
    { namespace, name },
    {
      metadata: {
        resourceVersion,
        annotations: { [`${CLOUD_RECORD_PREFIX}${clusterIdentity(own)}`]: null },
      },
      ...(text !== undefined && { data: { [record.key]: text } }),
    },
  );
}

/** The text of the record's key without the credentials that were put in. Undefined when nothing of ours is in it. */
export function textWithout(text: string | undefined, record: CloudConfigRecord): string | undefined {
  const place = { namespace: SECRET_NAMESPACE, name: record.secret, key: record.secretKey };
  try {
    const isOurs = (value: string | undefined) =>
      value !== undefined && textDigest(value) === record.kubeconfig;
    return text !== undefined && secretValues(text, place).some(isOurs)
      ? withoutSecretValue(text, place)
      : undefined;
  } catch (error) {
    if (error instanceof ManifestError) return undefined;
    throw error;
  }
}

/** One object on Harvester that may be left of the credentials. */
interface Left {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

/**
 * Deletes what was made on Harvester, found by quorum reads. With the ServiceAccount all its tokens end. Resolves to whether nothing of it is
 * there any more; what others hold by a finalizer may be.
 *
 * @throws KubeError `forbidden` when the identity has not the right.
 */
export async function removeCredentials(
  deps: Pick<Deps, "harvester">,
  own: Own,
  mark: CloudMark,
): Promise<boolean> {
  const harvester = await deps.harvester(own.spec.identitySecret);
  const namespace = own.spec.targetNamespace;
  const found = await Promise.all([
    look(harvester, clusterRoleBindings, { name: cloudBindingName(own) }),
    look(harvester, serviceAccounts, { namespace, name: cloudAccountName(own) }),
  ]);
  const made = found
    .filter((each) => each !== undefined)
    .filter(({ object }) => claimOn(object, own) === "ours");
  const left = [...made, ...(mark.former ? await formerCredentials(harvester, own) : [])];
  for (const { type, object } of left) {
    if (object.metadata.deletionTimestamp === undefined)
      await harvester.delete(type, object.metadata, { uid: object.metadata.uid });
  }
  const after = await Promise.all(left.map(({ type, object }) => look(harvester, type, object.metadata)));
  return after.every((each, index) => each?.object.metadata.uid !== left[index]?.object.metadata.uid);
}

/**
 * What the Go provider made: a ServiceAccount and a ClusterRoleBinding named as the Cluster, and a token that never ends. They carry no labels: that the
 * binding binds that very ServiceAccount of the target namespace tells whose they are, so it is deleted last.
 */
async function formerCredentials(harvester: StepClient, own: Own): Promise<Left[]> {
  const name = ownerCluster(own)?.name;
  const namespace = own.spec.targetNamespace;
  if (name === undefined) return [];
  const binding = await look(harvester, clusterRoleBindings, { name });
  const read = clusterRoleBindingSchema.safeParse(binding?.object).data;
  const isFormer =
    binding !== undefined &&
    read !== undefined &&
    claimOn(binding.object, own) === "unclaimed" &&
    bindsOnly(read, { namespace, name });
  if (!isFormer) return [];
  const [token, account] = await Promise.all([
    look(harvester, secrets, { namespace, name: `${name}-token` }),
    look(harvester, serviceAccounts, { namespace, name }),
  ]);
  const isToken =
    token?.object.metadata.annotations?.["kubernetes.io/service-account.name"] === name &&
    claimOn(token.object, own) === "unclaimed";
  const isAccount = account !== undefined && claimOn(account.object, own) === "unclaimed";
  return [...(isToken ? [token] : []), ...(isAccount ? [account] : []), binding];
}

async function look(harvester: StepClient, type: ResourceType, name: ObjectName): Promise<Left | undefined> {
  const object = await harvester.get(type, name);
  return object === undefined ? undefined : { type, object };
}
