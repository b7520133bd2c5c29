import { clusterctlLabel, clusterNameLabel } from "#api/names.ts";
import { namesOf } from "#cli/cluster-yaml/names.ts";
import type { ClusterOptions } from "#cli/cluster-yaml/options.ts";
import type { NewObject } from "#platform/kube/resource.ts";

/** The namespace of everything else. */
export function namespaceOf({ namespace }: ClusterOptions): NewObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
}

/**
 * The Secret by which capfn gets to Harvester. Its labels have it found by a backup of the cluster, and taken along by `clusterctl move`.
 *
 * @param kubeconfig as it stands in the file; nothing but this Secret may hold it
 */
export function identitySecret({ name, namespace }: ClusterOptions, kubeconfig: string): NewObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: namesOf(name).identitySecret,
      namespace,
      labels: { [clusterNameLabel]: name, [`${clusterctlLabel}/move`]: "" },
    },
    type: "Opaque",
    data: { kubeconfig: Buffer.from(kubeconfig, "utf8").toString("base64") },
  };
}
