import { stringify } from "yaml";

import { remediationResources } from "#api/remediation-resources.ts";
import { capfnGroup, providerLabel } from "#api/names.ts";

/** Label by which the ClusterRole of Cluster API's manager takes in the rights of others (Cluster API, "RBAC" of its contracts). */
const AGGREGATION_LABEL = "cluster.x-k8s.io/aggregate-to-manager";

/** Manifests by path from the repository's root: what Cluster API's manager needs to make MachineRemediations from templates. */
export function generateAggregation(): Map<string, string> {
  const external = remediationResources.filter(({ kind }) => kind.startsWith("MachineRemediation"));
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: {
      name: "capfn-external-remediation",
      labels: { [providerLabel.name]: providerLabel.value, [AGGREGATION_LABEL]: "true" },
    },
    rules: [
      {
        apiGroups: [capfnGroup],
        resources: external.map(({ plural }) => plural),
        verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
      },
    ],
  };
  return new Map([
    [
      "manifests/rbac/external-remediation.yaml",
      `# Generated from the kinds in api/ by "npm run generate". Do not edit.\n${stringify(role, { lineWidth: 0 })}`,
    ],
  ]);
}
