import { classDocuments } from "#cli/cluster-yaml/cluster-class.ts";
import { clusterOf } from "#cli/cluster-yaml/cluster.ts";
import { gitRepoOf } from "#cli/cluster-yaml/fleet.ts";
import { healthCheckOf } from "#cli/cluster-yaml/health-check.ts";
import { identitySecret, namespaceOf } from "#cli/cluster-yaml/identity.ts";
import type { ClusterOptions } from "#cli/cluster-yaml/options.ts";
import { resourceSetsOf } from "#cli/cluster-yaml/resource-sets.ts";
import type { NewObject } from "#platform/kube/resource.ts";

/**
 * Everything a cluster needs on the management cluster, in an order in which each finds what it refers to. Pure: the same options give the same
 * objects, so applying them again changes nothing.
 *
 * @param kubeconfig of Harvester, as it stands in the file
 */
export function clusterDocuments(options: ClusterOptions, kubeconfig: string): NewObject[] {
  return [
    namespaceOf(options),
    ...classDocuments(options),
    identitySecret(options, kubeconfig),
    ...resourceSetsOf(options),
    clusterOf(options),
    healthCheckOf(options),
    ...(options.addons.mode === "fleet" ? [gitRepoOf(options, options.addons)] : []),
  ];
}
