import { clusterNameLabel } from "#api/names.ts";
import { CLUSTER_API_VERSION } from "#cli/cluster-yaml/cluster.ts";
import { namesOf } from "#cli/cluster-yaml/names.ts";
import type { ClusterOptions } from "#cli/cluster-yaml/options.ts";
import type { NewObject } from "#platform/kube/resource.ts";

const MINUTE = 60;

/**
 * Machines whose Node does not come within 20 minutes, or is not Ready for 5, are replaced; of three not more than one at a time, so that etcd
 * keeps its quorum: percentages are rounded down.
 */
export function healthCheckOf({ name, namespace }: ClusterOptions): NewObject {
  return {
    apiVersion: CLUSTER_API_VERSION,
    kind: "MachineHealthCheck",
    metadata: { name: namesOf(name).healthCheck, namespace },
    spec: {
      clusterName: name,
      selector: { matchLabels: { [clusterNameLabel]: name } },
      checks: {
        nodeStartupTimeoutSeconds: 20 * MINUTE,
        unhealthyNodeConditions: ["False", "Unknown"].map((status) => ({
          type: "Ready",
          status,
          timeoutSeconds: 5 * MINUTE,
        })),
      },
      remediation: { triggerIf: { unhealthyLessThanOrEqualTo: "34%" } },
    },
  };
}
