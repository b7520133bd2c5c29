import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { cloudAccountName, cloudBindingName } from "#functions/harvester/cluster-names.ts";
import { isIdle, ownerCluster } from "#functions/harvester/owner-cluster.ts";
import { clusterView, type Cluster } from "#platform/cluster-api/cluster.ts";
import { configMapView, type ConfigMap } from "#platform/cluster-api/config-map.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import {
  clusterRoleBindingView,
  serviceAccountView,
  type ClusterRoleBinding,
  type ServiceAccount,
} from "#platform/harvester/cloud-account.ts";
import { serviceView, type Service } from "#platform/harvester/load-balancer.ts";
import { harvesterConnection, MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** What the credentials of a cluster's cloud provider rest on. */
export interface CloudConfigWorld {
  readonly cluster: Seen<Cluster> | undefined;
  /** The ConfigMap with the manifests, as the spec names it. */
  readonly configMap: Seen<ConfigMap> | undefined;
  readonly account: Seen<ServiceAccount> | undefined;
  readonly binding: Seen<ClusterRoleBinding> | undefined;
  /** The Service that Harvester's own API is reached by: its address is announced by kube-vip. */
  readonly ingress: Seen<Service> | undefined;
  /** The ConfigMap with the authority of Harvester's API server. */
  readonly authority: Seen<ConfigMap> | undefined;
}

export type CloudConfigView = View<HarvesterClusterBody, CloudConfigWorld>;

/** Kubernetes puts it into every namespace (kube-controller-manager, `root-ca-certificate-publisher-controller`). */
export const AUTHORITY = { name: "kube-root-ca.crt", key: "ca.crt" } as const;

/** Where Harvester says at which address its API is reached. */
export const INGRESS = { namespace: "kube-system", name: "ingress-expose" } as const;

/** Harvester is looked at only for clusters that ask for credentials; what cannot be listed there is not judged. */
export const cloudConfigWorld = relations(harvesterClusterView)
  .one("cluster", clusterView, ownerCluster)
  .one("configMap", configMapView, (own, { cluster }) => {
    const wanted = isIdle(own, cluster) ? undefined : own.spec.updateCloudProviderConfig;
    return wanted === undefined
      ? undefined
      : {
          connection: MANAGEMENT,
          namespace: wanted.manifestsConfigMapNamespace,
          name: wanted.manifestsConfigMapName,
        };
  })
  .one(
    "account",
    serviceAccountView,
    (own, { cluster }) =>
      there(own, cluster, { namespace: own.spec.targetNamespace, name: cloudAccountName(own) }),
    { optional: true },
  )
  .one(
    "binding",
    clusterRoleBindingView,
    (own, { cluster }) => there(own, cluster, { name: cloudBindingName(own) }),
    { optional: true },
  )
  .one("ingress", serviceView, (own, { cluster }) => there(own, cluster, INGRESS), { optional: true })
  .one(
    "authority",
    configMapView,
    (own, { cluster }) => there(own, cluster, { namespace: own.spec.targetNamespace, name: AUTHORITY.name }),
    { optional: true },
  );

function there(
  own: Seen<HarvesterClusterBody>,
  cluster: Seen<Cluster> | undefined,
  at: Omit<ObjectRef, "connection">,
): ObjectRef | undefined {
  return isIdle(own, cluster) || own.spec.updateCloudProviderConfig === undefined
    ? undefined
    : { connection: harvesterConnection(own.spec.identitySecret), ...at };
}
