/** Names of what belongs to one cluster. */
export interface ClusterNames {
  readonly identitySecret: string;
  /** A ConfigMap and the ClusterResourceSet that brings it into the cluster, for each add-on. */
  readonly cloudProvider: AddonNames;
  readonly cloudConfig: AddonNames;
  readonly csiDriver: AddonNames;
  readonly cni: AddonNames;
  readonly healthCheck: string;
}

export interface AddonNames {
  readonly configMap: string;
  readonly resourceSet: string;
}

/**
 * The names the Go provider's generator uses, with the cluster's name behind those that it left out of: two clusters of one namespace share no
 * Secret, no ConfigMap and no ClusterResourceSet, so neither gets the other's credentials.
 */
export function namesOf(cluster: string): ClusterNames {
  const addon = (configMap: string, resourceSet: string): AddonNames => ({
    configMap: `${configMap}-${cluster}`,
    resourceSet: `${resourceSet}-${cluster}`,
  });
  return {
    identitySecret: `hv-identity-secret-${cluster}`,
    cloudProvider: addon("harvester-ccm-addon", "crs-harvester-ccm"),
    cloudConfig: addon("cloud-config-addon", "crs-cloud-config"),
    csiDriver: addon("harvester-csi-driver-addon", "crs-harvester-csi"),
    cni: addon("calico-helm-config", "crs-calico-chart-config"),
    healthCheck: `${cluster}-mhc`,
  };
}
