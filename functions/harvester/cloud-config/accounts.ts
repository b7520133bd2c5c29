import type { StepClient } from "#functions/contract/deps.ts";
import {
  claimOn,
  cloudAccountName,
  cloudBindingName,
  clusterLabels,
} from "#functions/harvester/cluster-names.ts";
import { recordOf } from "#functions/harvester/cloud-config/plan.ts";
import type { CloudConfigView } from "#functions/harvester/cloud-config/world.ts";
import {
  bindsOnly,
  bindsRole,
  CLOUD_PROVIDER_ROLE,
  clusterRoleBindingSchema,
} from "#platform/harvester/cloud-account.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf, type KubeObject, type NewObject, type ResourceType } from "#platform/kube/resource.ts";
import { clusterRoleBindings, serviceAccounts } from "#platform/kube/resources.ts";

/** An object under one of our names is somebody else's; found by a read, after the index said that there is none. */
export class NameTaken extends Error {
  override readonly name = "NameTaken";
}

/**
 * The uid of the cluster's ServiceAccount on Harvester: made, or, when there is one, seen to be ours and labelled again if need be.
 *
 * @throws NameTaken
 */
export async function ensureAccount(harvester: StepClient, view: CloudConfigView): Promise<string> {
  const { object, related } = view;
  const seen = related.account;
  if (seen !== undefined && seen.meta.deletionTimestamp === undefined && claimOn(seen, object) === "ours")
    return seen.meta.uid;
  const at = { namespace: object.spec.targetNamespace, name: cloudAccountName(object) };
  const { made, found } = await createOrFind(harvester, serviceAccounts, {
    apiVersion: apiVersionOf(serviceAccounts),
    kind: serviceAccounts.kind,
    metadata: { ...at, labels: labelsOf(view) },
    // Nobody mounts it: its token goes to another cluster.
    automountServiceAccountToken: false,
  });
  if (made !== undefined) return made.metadata.uid;
  const { uid, resourceVersion } = found.metadata;
  const claim = claimOn(found, object);
  if (claim === "ours") return uid;
  if (claim === "foreign" || recordOf(view)?.account !== uid)
    throw new NameTaken(`ServiceAccount ${at.namespace}/${at.name}`);
  await harvester.mergePatch(serviceAccounts, at, { metadata: { resourceVersion, labels: labelsOf(view) } });
  return uid;
}

/**
 * Binds the ServiceAccount to the role of cloud providers. The role a binding is about cannot be changed: one of ours about another is
 * deleted and made again.
 *
 * @throws NameTaken
 */
export async function ensureBinding(harvester: StepClient, view: CloudConfigView): Promise<void> {
  const { object, related } = view;
  const at = { name: cloudBindingName(object) };
  const account = { namespace: object.spec.targetNamespace, name: cloudAccountName(object) };
  const seen = related.binding;
  if (
    seen !== undefined &&
    seen.meta.deletionTimestamp === undefined &&
    claimOn(seen, object) === "ours" &&
    bindsOnly(seen, account)
  )
    return;
  const subjects = [{ kind: "ServiceAccount", ...account }];
  const wanted = {
    apiVersion: apiVersionOf(clusterRoleBindings),
    kind: clusterRoleBindings.kind,
    metadata: { ...at, labels: labelsOf(view) },
    roleRef: { apiGroup: clusterRoleBindings.group, kind: "ClusterRole", name: CLOUD_PROVIDER_ROLE },
    subjects,
  };
  const { found } = await createOrFind(harvester, clusterRoleBindings, wanted);
  if (found === undefined) return;
  const read = clusterRoleBindingSchema.safeParse(found).data;
  const isRight = read !== undefined && bindsOnly(read, account);
  const claim = claimOn(found, object);
  if (claim === "foreign" || (claim === "unclaimed" && !isRight))
    throw new NameTaken(`ClusterRoleBinding ${at.name}`);
  if (claim === "ours" && isRight) return;
  const { uid, resourceVersion } = found.metadata;
  if (read !== undefined && !bindsRole(read)) {
    await harvester.delete(clusterRoleBindings, at, { uid });
    await harvester.create(clusterRoleBindings, wanted);
    return;
  }
  await harvester.mergePatch(clusterRoleBindings, at, {
    metadata: { resourceVersion, labels: labelsOf(view) },
    subjects,
  });
}

function labelsOf({ object, related }: CloudConfigView): Readonly<Record<string, string>> {
  return related.cluster === undefined ? {} : clusterLabels(object, related.cluster);
}

type Answer =
  | { readonly made: KubeObject; readonly found?: undefined }
  | { readonly made?: undefined; readonly found: KubeObject };

/** Creating is the question: what is there already is looked at. */
async function createOrFind(harvester: StepClient, type: ResourceType, wanted: NewObject): Promise<Answer> {
  try {
    return { made: await harvester.create(type, wanted) };
  } catch (error) {
    if (!isKubeError(error, "alreadyExists")) throw error;
    const found = await harvester.get(type, wanted.metadata);
    if (found === undefined) throw error;
    return { found };
  }
}
