import { createHash } from "node:crypto";
import { clusterLabel, ownerNameLabel, ownerNamespaceLabel, ownerUidLabel } from "#api/names.ts";
import { labelValue } from "#functions/harvester/ownership.ts";
import { clusterIdentity, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { Seen } from "#platform/kube/view.ts";

type Own = Seen<HarvesterClusterBody>;

const LONGEST = 63;
/** Characters of a hash in a name. */
const HASH = 8;

/**
 * Parts joined to a DNS label (RFC 1035), as the Go provider joins them: in lower case, what a label may not have becomes a dash, a letter comes
 * first. One longer than 63 characters ends in a hash of the whole, so that long names stay apart.
 */
export function dnsLabel(...parts: readonly string[]): string {
  const joined = parts
    .join("-")
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  const name = /^[a-z]/.test(joined) ? joined : `a-${joined}`;
  if (name.length <= LONGEST) return name;
  const hash = createHash("sha256").update(parts.join("/")).digest("hex").slice(0, HASH);
  return `${name.slice(0, LONGEST - HASH - 1).replace(/-+$/, "")}-${hash}`;
}

/** As {@link dnsLabel}, but always with the hash. */
function distinctLabel(...parts: readonly string[]): string {
  const hash = createHash("sha256").update(parts.join("/")).digest("hex").slice(0, HASH);
  const name = dnsLabel(...parts);
  if (name.endsWith(`-${hash}`)) return name;
  return `${name.slice(0, LONGEST - HASH - 1).replace(/-+$/, "")}-${hash}`;
}

/** Name of the cluster's load balancer on Harvester, and of the Service that holds its address until there is one. */
export function loadBalancerName({ meta }: Own): string {
  return dnsLabel(meta.namespace ?? "", meta.name, "lb");
}

/** Id under which an IPPool gives the load balancer its address; Harvester's own controller uses the same. */
export function loadBalancerHolder(own: Own): string {
  return `${own.spec.targetNamespace}/${loadBalancerName(own)}`;
}

/** Name of the IPPool made from `spec.loadBalancerConfig.ipPool`. */
export function loadBalancerPoolName({ meta }: Own): string {
  return dnsLabel(meta.namespace ?? "", meta.name, "ippool");
}

/** Name of the IPPool made from `spec.vmNetworkConfig.ipPool`. */
export function vmPoolName({ meta }: Own): string {
  return dnsLabel(meta.namespace ?? "", meta.name, "vm-ippool");
}

/**
 * The ServiceAccount of the cluster's cloud provider, in the target namespace. Ends in a hash of what it is made from: unlike the load balancer's, no
 * two clusters, wherever they are, come to one name by where their dashes are.
 */
export function cloudAccountName({ meta }: Own): string {
  return distinctLabel(meta.namespace ?? "", meta.name, "cloud-provider");
}

/** Its ClusterRoleBinding, which all of Harvester shares: management clusters may have a cluster of one name, with other target namespaces. */
export function cloudBindingName(own: Own): string {
  return distinctLabel(own.spec.targetNamespace, own.meta.namespace ?? "", own.meta.name, "cloud-provider");
}

/** Labels of every object made on Harvester for the cluster itself: they name its owner, so a namesake's is never touched. */
export function clusterLabels(
  own: Own,
  cluster: { readonly meta: { readonly name: string } },
): Readonly<Record<string, string>> {
  return {
    [ownerUidLabel]: clusterIdentity(own),
    [ownerNameLabel]: labelValue(own.meta.name),
    [ownerNamespaceLabel]: labelValue(own.meta.namespace ?? ""),
    [clusterLabel]: labelValue(cluster.meta.name),
  };
}

/** Whose an object under one of the cluster's names is: the cluster's, nobody's by its labels, or another's. */
export type Claim = "ours" | "unclaimed" | "foreign";

/** By the label with the owner's identity. What the Go provider and people make has none. */
export function claimOn(
  object: {
    readonly metadata: { readonly labels?: Readonly<Record<string, string | undefined>> | undefined };
  },
  own: Own,
): Claim {
  const owner = object.metadata.labels?.[ownerUidLabel];
  if (owner === undefined) return "unclaimed";
  return owner === clusterIdentity(own) ? "ours" : "foreign";
}
