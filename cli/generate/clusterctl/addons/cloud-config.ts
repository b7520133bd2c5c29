import { clusterNameLabel } from "#api/names.ts";
import { streamText, type Manifest } from "#cli/generate/clusterctl/text.ts";
import { variable } from "#cli/generate/clusterctl/variables.ts";

/** Begin of the name of what brings the credentials to a cluster; the rest is the cluster's name. */
export const CLOUD_CONFIG_PREFIX = "cloud-config-addon-";

/** Where cloud provider and storage driver find their kubeconfig for Harvester: a Secret in kube-system of the workload cluster. */
export const CLOUD_CONFIG = {
  secret: "cloud-config",
  key: "cloud-config",
  file: "cloud-config.yaml",
} as const;

/** Name of that for the cluster of a template. */
export const cloudConfigName = `${CLOUD_CONFIG_PREFIX}${variable("CLUSTER_NAME")}`;

const metadata = {
  name: cloudConfigName,
  namespace: variable("NAMESPACE"),
  labels: { [clusterNameLabel]: variable("CLUSTER_NAME") },
};

function secret(data: Manifest): Manifest {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: CLOUD_CONFIG.secret, namespace: "kube-system" },
    ...data,
  };
}

/** The Secret as it is before capfn has written its credentials into it. */
export function cloudConfigToFill(): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata,
    data: { [CLOUD_CONFIG.file]: streamText([secret({})]) },
  };
}

/** The Secret with credentials that somebody has made; as it holds them it is a Secret on the management cluster too. */
export function cloudConfigGiven(): Manifest {
  const given = secret({ data: { [CLOUD_CONFIG.key]: variable("CLOUD_CONFIG_KUBECONFIG_B64") } });
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "addons.cluster.x-k8s.io/resource-set",
    metadata,
    stringData: { [CLOUD_CONFIG.file]: streamText([given]) },
  };
}
