import { clusterNameLabel, storageApiVersion } from "#api/names.ts";
import { CLOUD_CONFIG, cloudConfigName } from "#cli/generate/clusterctl/addons/cloud-config.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";
import { named, RANCHER_LABEL, variable } from "#cli/generate/clusterctl/variables.ts";

/** API version of Cluster API's own kinds. The older one is no longer served from Cluster API v1.16 on. */
export const CORE = "cluster.x-k8s.io/v1beta2";

/** A reference as Cluster API v1beta2 has it: without a version, which its reader looks up. */
export interface Reference {
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
}

export const infrastructure = (kind: string, name: string): Reference => ({
  apiGroup: "infrastructure.cluster.x-k8s.io",
  kind,
  name,
});

/** Metadata of an object beside the Cluster. */
export function beside(name: string): Manifest {
  return { name, namespace: variable("NAMESPACE") };
}

/** Labels by which the Cluster's own ClusterResourceSet finds it, and Rancher, if it is to. */
export const clusterLabels: Manifest = {
  [clusterNameLabel]: variable("CLUSTER_NAME"),
  [RANCHER_LABEL]: "",
};

/** The Cluster. */
export function cluster(controlPlaneRef: Reference, clusterNetwork?: Manifest): Manifest {
  return {
    apiVersion: CORE,
    kind: "Cluster",
    metadata: { ...beside(variable("CLUSTER_NAME")), labels: clusterLabels },
    spec: {
      ...(clusterNetwork !== undefined && { clusterNetwork }),
      controlPlaneRef,
      infrastructureRef: infrastructure("HarvesterCluster", named("hv")),
    },
  };
}

/** Name of the Secret with the kubeconfig for Harvester: each cluster has its own. */
export const identityName = named("harvester");

/** The Secret with the kubeconfig for Harvester; it goes along when `clusterctl move` moves the cluster. */
export function identitySecret(): Manifest {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      ...beside(identityName),
      labels: {
        [clusterNameLabel]: variable("CLUSTER_NAME"),
        "clusterctl.cluster.x-k8s.io/move": "",
      },
    },
    data: { kubeconfig: variable("HARVESTER_KUBECONFIG_B64") },
  };
}

/** Nodes of RKE2 join through this port of the load balancer. */
export const joinListener = { name: "rke2-server", port: 9345, protocol: "TCP", backendPort: 9345 };

export interface HarvesterClusterOptions {
  /** Where the address of the load balancer comes from. */
  readonly address: "dhcp" | "pool";
  readonly rke2: boolean;
  /** Whether capfn makes the credentials for what runs in the cluster. */
  readonly credentials: "made" | "given";
}

/** The HarvesterCluster. */
export function harvesterCluster({ address, rke2, credentials }: HarvesterClusterOptions): Manifest {
  return {
    apiVersion: storageApiVersion,
    kind: "HarvesterCluster",
    metadata: beside(named("hv")),
    spec: {
      targetNamespace: variable("TARGET_HARVESTER_NAMESPACE", "default"),
      server: variable("HARVESTER_ENDPOINT"),
      identitySecret: { namespace: variable("NAMESPACE"), name: identityName },
      loadBalancerConfig: {
        ipamType: address,
        ...(address === "pool" && { ipPoolRef: variable("IP_POOL_NAME") }),
        ...(rke2 && { listeners: [joinListener] }),
      },
      ...(credentials === "made" && {
        updateCloudProviderConfig: {
          manifestsConfigMapNamespace: variable("NAMESPACE"),
          manifestsConfigMapName: cloudConfigName,
          manifestsConfigMapKey: CLOUD_CONFIG.file,
          cloudConfigCredentialsSecretName: CLOUD_CONFIG.secret,
          cloudConfigCredentialsSecretKey: CLOUD_CONFIG.key,
        },
      }),
    },
  };
}
