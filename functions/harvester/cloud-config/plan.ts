import { isIP } from "node:net";
import { clusterReasons } from "#api/condition-names.ts";
import { mayProvide } from "#functions/harvester/cluster-hold.ts";
import { claimOn, cloudAccountName, cloudBindingName } from "#functions/harvester/cluster-names.ts";
import type { Verdict } from "#functions/harvester/cluster-report.ts";
import { AUTHORITY, type CloudConfigView } from "#functions/harvester/cloud-config/world.ts";
import {
  otherCloudRecords,
  readCloudMark,
  readCloudRecord,
  type CloudConfigRecord,
} from "#platform/cluster-api/cloud-config-record.ts";
import { CONSENT_ANNOTATION } from "#platform/cluster-api/config-map.ts";
import { CLOUD_CONFIG_ANNOTATION, clusterIdentity } from "#platform/cluster-api/harvester-cluster.ts";
import { bindsOnly } from "#platform/harvester/cloud-account.ts";

/** Which manifests get the credentials, in our words for the fields of the spec. */
export interface Wanted {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
  readonly secret: string;
  readonly secretKey: string;
}

export interface CloudConfigPlan {
  /** `provide`: make what is missing and put credentials into the ConfigMap. `takeBack`: they are not asked for any more. */
  readonly step: "none" | "provide" | "takeBack";
  /** What `CloudProviderConfigReady` should say once the step is done; undefined: nothing is to be said. */
  readonly verdict: Verdict | undefined;
  /** When the token is replaced though all is right: two thirds of its life. */
  readonly due: Date | undefined;
}

const nothing: CloudConfigPlan = { step: "none", verdict: undefined, due: undefined };

const notAsked: Verdict = {
  status: "True",
  reason: clusterReasons.CloudProviderConfigNotApplicable,
  message: "spec.updateCloudProviderConfig is not set",
};

/** What the condition says when the credentials are in place. */
export const provided: Verdict = {
  status: "True",
  reason: clusterReasons.CloudProviderConfigGeneratedSuccessfully,
  message: "",
};

/** Pure: told from the world and from the records on it, which any step can read again. */
export function planOf(view: CloudConfigView): CloudConfigPlan {
  const { object, related } = view;
  if (!mayProvide(object, related.cluster)) return nothing;
  const wanted = wantedOf(view);
  if (wanted === undefined) {
    const step = readCloudMark(object) === undefined ? "none" : "takeBack";
    return { step, verdict: notAsked, due: undefined };
  }
  const problem = configMapProblem(view, wanted);
  if (problem !== undefined) return told(clusterReasons.CloudProviderConfigNotReady, problem);
  const taken = nameTaken(view);
  if (taken !== undefined) return told(clusterReasons.CloudProviderConfigGenerationFailed, taken);
  const record = recordOf(view);
  if (record === undefined || !isRight(view, wanted, record))
    return { step: "provide", verdict: provided, due: undefined };
  return { step: "none", verdict: provided, due: dueOf(record) };
}

/** Undefined when the cluster asks for no credentials. */
export function wantedOf({ object }: CloudConfigView): Wanted | undefined {
  const given = object.spec.updateCloudProviderConfig;
  return given === undefined
    ? undefined
    : {
        namespace: given.manifestsConfigMapNamespace,
        name: given.manifestsConfigMapName,
        key: given.manifestsConfigMapKey,
        secret: given.cloudConfigCredentialsSecretName,
        secretKey: given.cloudConfigCredentialsSecretKey,
      };
}

/** What the ConfigMap says of what was put into it for this cluster. */
export function recordOf({ object, related }: CloudConfigView): CloudConfigRecord | undefined {
  return readCloudRecord(related.configMap?.metadata.annotations ?? {}, clusterIdentity(object));
}

/**
 * URL of Harvester's API server for its guests: the address kube-vip announces, else what the identity uses. Undefined while neither is
 * known.
 */
export function serverOf({
  object,
  related,
}: Pick<CloudConfigView, "object" | "related">): string | undefined {
  const [first = ""] = (related.ingress?.metadata.annotations["kube-vip.io/loadbalancerIPs"] ?? "").split(
    ",",
  );
  const address = first.trim();
  const family = isIP(address);
  if (family === 0) return object.spec.server;
  return `https://${family === 6 ? `[${address}]` : address}:6443`;
}

/** What of the ConfigMap is for its owner to mend. */
function configMapProblem({ object, related }: CloudConfigView, wanted: Wanted): string | undefined {
  const { configMap } = related;
  const { namespace, name, key } = wanted;
  const which = `ConfigMap ${namespace}/${name}`;
  if (configMap === undefined)
    return `${which} does not exist; create it, or correct spec.updateCloudProviderConfig`;
  const { annotations } = configMap.metadata;
  const own = object.meta.namespace ?? "";
  const consents = (annotations[CONSENT_ANNOTATION] ?? "").split(",").map((each) => each.trim());
  if (namespace !== own && !consents.includes(own))
    return `${which} is in another namespace and does not let this one put credentials into it; annotate it with ${CONSENT_ANNOTATION}: ${own}`;
  if (configMap.immutable) return `${which} is immutable; replace it by one that is not`;
  if (configMap.digests[key] === undefined)
    return `${which} has no key ${key}; add it, or correct spec.updateCloudProviderConfig`;
  const isSame = (record: CloudConfigRecord): boolean =>
    record.key === key && record.secret === wanted.secret && record.secretKey === wanted.secretKey;
  return otherCloudRecords(annotations, clusterIdentity(object)).some(isSame)
    ? `Secret ${wanted.secret} in ${which} holds the credentials of another cluster; give this cluster a ConfigMap of its own`
    : undefined;
}

/** An object under one of our names that is not ours is never used: whoever made it could act as the cloud provider. */
function nameTaken(view: CloudConfigView): string | undefined {
  const { object, related } = view;
  const { account, binding } = related;
  if (account !== undefined && !isOurAccount(view))
    return `ServiceAccount ${object.spec.targetNamespace}/${cloudAccountName(object)} exists on Harvester and is not this cluster's; delete it`;
  return binding !== undefined && claimOn(binding, object) !== "ours" && !isBound(view)
    ? `ClusterRoleBinding ${cloudBindingName(object)} exists on Harvester and is not this cluster's; delete it`
    : undefined;
}

/** By its label; one that has lost it, by the uid that the token in place is of. */
function isOurAccount(view: CloudConfigView): boolean {
  const { account } = view.related;
  if (account === undefined) return false;
  const claim = claimOn(account, view.object);
  return claim === "ours" || (claim === "unclaimed" && account.meta.uid === recordOf(view)?.account);
}

function isBound({ object, related }: CloudConfigView): boolean {
  const account = { namespace: object.spec.targetNamespace, name: cloudAccountName(object) };
  return (
    related.binding !== undefined &&
    claimOn(related.binding, object) !== "foreign" &&
    bindsOnly(related.binding, account)
  );
}

function isRight(view: CloudConfigView, wanted: Wanted, record: CloudConfigRecord): boolean {
  const { object, related, unknown } = view;
  const { account, binding, authority, configMap } = related;
  const { namespace, name, key, secret, secretKey } = wanted;
  const mark = readCloudMark(object);
  const listed = (relation: keyof typeof related): boolean => !unknown.includes(relation);
  const held = (thing: typeof account | typeof binding): boolean =>
    thing !== undefined && thing.meta.deletionTimestamp === undefined && claimOn(thing, object) === "ours";
  return (
    object.metadata.annotations[CLOUD_CONFIG_ANNOTATION] !== undefined &&
    mark?.namespace === namespace &&
    mark.name === name &&
    record.key === key &&
    record.secret === secret &&
    record.secretKey === secretKey &&
    record.text === configMap?.digests[key] &&
    (!listed("account") || (held(account) && account?.meta.uid === record.account)) &&
    (!listed("binding") || (held(binding) && isBound(view))) &&
    (!listed("ingress") || serverOf(view) === record.server) &&
    (!listed("authority") || authority?.digests[AUTHORITY.key] === record.authority)
  );
}

/** Two thirds of the life that the API server gave the token, however short. */
function dueOf({ issued, expires }: CloudConfigRecord): Date {
  const [from, to] = [Date.parse(issued), Date.parse(expires)];
  return new Date(from + ((to - from) * 2) / 3);
}

function told(reason: string, message: string): CloudConfigPlan {
  return { step: "none", verdict: { status: "False", reason, message }, due: undefined };
}
