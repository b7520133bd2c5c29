import { clusterNameLabel } from "#api/names.ts";
import type { AddonDelivery, ClusterOptions } from "#cli/cluster-yaml/options.ts";
import type { NewObject } from "#platform/kube/resource.ts";

/** Workspace in which Rancher puts imported clusters. */
const WORKSPACE = "fleet-default";

/**
 * The GitRepo by which Fleet brings CSI driver and CNI configuration into the cluster (Fleet documentation, "GitRepo"). All of them are in one
 * namespace: where a cluster's own namespace has another name than the cluster, the GitRepo has both.
 */
export function gitRepoOf(
  { name, namespace, cni }: ClusterOptions,
  { repository, branch }: Extract<AddonDelivery, { mode: "fleet" }>,
): NewObject {
  const owner = namespace === name ? name : `${namespace}-${name}`;
  return {
    apiVersion: "fleet.cattle.io/v1alpha1",
    kind: "GitRepo",
    metadata: { name: `${owner}-addons`, namespace: WORKSPACE },
    spec: {
      repo: repository,
      branch,
      paths: ["/fleet/harvester-csi", ...(cni.name === "none" ? [] : [`/fleet/${cni.name}-config`])],
      targets: [{ name, clusterSelector: { matchLabels: { [clusterNameLabel]: name } } }],
    },
  };
}
