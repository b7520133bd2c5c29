import type { Cluster } from "#platform/cluster-api/cluster.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** The Cluster that owns a HarvesterCluster (Cluster API contract, InfraCluster: owner references); undefined before Cluster API has set it. */
export function ownerCluster(own: Seen<HarvesterClusterBody>): ObjectRef | undefined {
  const owner = own.metadata.ownerReferences.find(({ kind }) => kind === "Cluster");
  return owner === undefined
    ? undefined
    : { connection: MANAGEMENT, namespace: own.meta.namespace, name: owner.name };
}

/** Why the HarvesterCluster is paused (Cluster API contract, pausing); undefined when it is not. */
export function pauseReason(
  own: Seen<HarvesterClusterBody>,
  cluster: Seen<Cluster> | undefined,
): string | undefined {
  if (cluster?.spec.paused === true) return `Cluster ${cluster.meta.name} has spec.paused: true`;
  return own.metadata.annotations["cluster.x-k8s.io/paused"] === undefined
    ? undefined
    : "the annotation cluster.x-k8s.io/paused is set";
}

/** Another system provides this infrastructure: we keep away altogether (Cluster API contract, InfraCluster: externally managed). */
export function isExternallyManaged(own: Seen<HarvesterClusterBody>): boolean {
  return own.metadata.annotations["cluster.x-k8s.io/managed-by"] !== undefined;
}

/**
 * Nothing of the day-to-day care is looked at nor done for a cluster that has no owner, is paused, provided by another system, or on its way
 * out or to another management cluster.
 */
export function isIdle(own: Seen<HarvesterClusterBody>, cluster: Seen<Cluster> | undefined): boolean {
  const moves = "clusterctl.cluster.x-k8s.io/delete-for-move";
  return (
    cluster === undefined ||
    own.meta.deletionTimestamp !== undefined ||
    pauseReason(own, cluster) !== undefined ||
    isExternallyManaged(own) ||
    own.metadata.annotations[moves] !== undefined ||
    cluster.metadata.annotations[moves] !== undefined
  );
}

/** The control plane endpoint in the spec; undefined while it is not set or stands for "not yet", as in a ClusterClass. */
export function endpointOf(own: Seen<HarvesterClusterBody>): { host: string; port: number } | undefined {
  const { host = "", port = 0 } = own.spec.controlPlaneEndpoint ?? {};
  return host === "" || host === "0.0.0.0" || port === 0 ? undefined : { host, port };
}
