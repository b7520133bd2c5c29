import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { isIdle, ownerCluster } from "#functions/harvester/owner-cluster.ts";
import {
  CERTIFICATES_ANNOTATION,
  readCertificateRecord,
  type CertificateRecord,
} from "#platform/cluster-api/certificate-record.ts";
import { clusterView, type Cluster } from "#platform/cluster-api/cluster.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { secretView, type SecretPresence } from "#platform/cluster-api/secret.ts";
import { MANAGEMENT, workloadConnection, type Seen } from "#platform/kube/view.ts";

/** What tells of a cluster's certificates without a look at them. */
export interface CertificateWorld {
  readonly cluster: Seen<Cluster> | undefined;
  /** The Secret `<cluster>-kubeconfig`: that it is there, and its version. */
  readonly kubeconfig: Seen<SecretPresence> | undefined;
  readonly connection: Seen<ConnectionState> | undefined;
}

export type CertificateView = View<HarvesterClusterBody, CertificateWorld>;

export const certificateWorld = relations(harvesterClusterView)
  .one("cluster", clusterView, ownerCluster)
  .one("kubeconfig", secretView, (own, { cluster }) =>
    cluster === undefined || isIdle(own, cluster)
      ? undefined
      : { connection: MANAGEMENT, namespace: own.meta.namespace, name: kubeconfigName(cluster) },
  )
  .one("connection", connectionStateView, (own, { cluster, kubeconfig }) =>
    cluster === undefined || kubeconfig === undefined
      ? undefined
      : connectionStateRef(
          workloadConnection({ namespace: own.meta.namespace ?? "", name: cluster.meta.name }),
        ),
  );

/** Cluster API contract, kubeconfig Secret. */
export function kubeconfigName(cluster: { readonly meta: { readonly name: string } }): string {
  return `${cluster.meta.name}-kubeconfig`;
}

/** What was last seen, if it was seen in the Secret as it is now. */
export function freshRecord({ object, related }: CertificateView): CertificateRecord | undefined {
  const record = readCertificateRecord(object.metadata.annotations[CERTIFICATES_ANNOTATION]);
  return record?.secret === related.kubeconfig?.metadata.resourceVersion ? record : undefined;
}
