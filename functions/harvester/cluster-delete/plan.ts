import { clusterReasons, pausedReasons } from "#api/condition-names.ts";
import { claimOn, loadBalancerHolder } from "#functions/harvester/cluster-names.ts";
import { poolClaim } from "#functions/harvester/cluster-pools.ts";
import { isLeaving, type ClusterDeleteView } from "#functions/harvester/cluster-delete/world.ts";
import { isExternallyManaged, ownerCluster, pauseReason } from "#functions/harvester/owner-cluster.ts";
import { readCloudMark, type CloudMark } from "#platform/cluster-api/cloud-config-record.ts";
import type { Cluster } from "#platform/cluster-api/cluster.ts";
import { ENDPOINT_ANNOTATION, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { ABANDON_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { LoadBalancer, Service } from "#platform/harvester/load-balancer.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Why nothing goes on, in the words of the condition `Deleting`. */
export interface Waiting {
  readonly reason: string;
  readonly message: string;
}

/**
 * Where the deletion of a cluster stands, told from the world alone, so that an interrupted one goes on where it is. What uses a thing goes before
 * the thing: machines, the credentials of their cloud provider, load balancer, the Service that holds its address, the address, pools, and last our finalizer.
 */
export type DeleteStep =
  | { readonly kind: "none" }
  | { readonly kind: "abandoned"; readonly reason: string }
  | ({ readonly kind: "waiting" } & Waiting)
  | { readonly kind: "removeCredentials"; readonly mark: CloudMark }
  | { readonly kind: "deleteBalancer"; readonly balancer: Seen<LoadBalancer> }
  | { readonly kind: "deleteService"; readonly service: Seen<Service> }
  | { readonly kind: "releaseAddress"; readonly pool: Seen<IpPool> }
  | { readonly kind: "deletePool"; readonly pool: Seen<IpPool> }
  | { readonly kind: "finish" };

/** Pure. */
export function deleteStep(view: ClusterDeleteView): DeleteStep {
  const { object, related, unknown } = view;
  if (!isLeaving(object)) return { kind: "none" };
  const stop = contractStop(object, related.cluster);
  if (stop !== undefined) return { kind: "waiting", ...stop };
  const reason = abandonReason(object);
  if (reason !== undefined) return { kind: "abandoned", reason };
  if (related.cluster === undefined) {
    const name = ownerCluster(object)?.name;
    const which = name === undefined ? "no Cluster owns the object" : `Cluster ${name} does not exist`;
    return waiting(clusterReasons.ClusterMissing, `${which}, so nothing outside is deleted`);
  }
  const { machines, balancer, service, pools } = related;
  if (machines.length > 0) {
    const names = machines.map(({ meta }) => meta.name).toSorted();
    return waiting(clusterReasons.WaitingForMachines, `machines are still there: ${some(names)}`);
  }
  // What is in the index may be the last that was heard of a Harvester that is gone.
  if (unknown.length > 0 || related.connection?.state !== "connected") {
    const cause = related.connection?.message ?? "there is no complete picture of it yet";
    return waiting(clusterReasons.HarvesterUnreachable, `what is left on Harvester is not known: ${cause}`);
  }
  const mark = readCloudMark(object);
  if (mark !== undefined) return { kind: "removeCredentials", mark };
  if (balancer !== undefined && isOurs(balancer, view)) {
    return balancer.meta.deletionTimestamp === undefined
      ? { kind: "deleteBalancer", balancer }
      : waiting(
          clusterReasons.WaitingForLoadBalancerDeletion,
          `LoadBalancer ${loadBalancerHolder(object)} is being deleted by Harvester`,
        );
  }
  if (service !== undefined && isOurs(service, view)) {
    return service.meta.deletionTimestamp === undefined
      ? { kind: "deleteService", service }
      : waiting(
          clusterReasons.WaitingForLoadBalancerDeletion,
          `Service ${loadBalancerHolder(object)} is being deleted by Harvester`,
        );
  }
  // A foreign object of the name holds the address under the same id.
  const held =
    balancer === undefined && service === undefined
      ? pools.find(({ summary }) => summary.addressesOf(loadBalancerHolder(object)).length > 0)
      : undefined;
  if (held !== undefined) return { kind: "releaseAddress", pool: held };
  const own = pools.find((pool) => poolClaim(pool, object) === "ours");
  if (own === undefined) return { kind: "finish" };
  return own.meta.deletionTimestamp === undefined
    ? { kind: "deletePool", pool: own }
    : waiting(
        clusterReasons.WaitingForIPPoolRelease,
        `IPPool ${own.meta.name} is being deleted by Harvester`,
      );
}

/** Why nothing may be destroyed, whatever people annotate: it is paused, moves away, or is another system's. */
export function contractStop(
  own: Seen<HarvesterClusterBody>,
  cluster: Seen<Cluster> | undefined,
): Waiting | undefined {
  const moves = "clusterctl.cluster.x-k8s.io/delete-for-move";
  if (own.metadata.annotations[moves] !== undefined || cluster?.metadata.annotations[moves] !== undefined) {
    const message =
      "clusterctl moves the cluster to another management cluster; what it has on Harvester lives on";
    return { reason: clusterReasons.MovedAway, message };
  }
  const paused = pauseReason(own, cluster);
  if (paused !== undefined) return { reason: pausedReasons.Paused, message: paused };
  return isExternallyManaged(own)
    ? { reason: "ExternallyManaged", message: "the annotation cluster.x-k8s.io/managed-by is set" }
    : undefined;
}

/** Why a person gave up what the cluster has on Harvester; undefined when nobody did. */
export function abandonReason(own: Seen<HarvesterClusterBody>): string | undefined {
  const reason = own.metadata.annotations[ABANDON_ANNOTATION]?.trim();
  return reason === "" ? undefined : reason;
}

/** By our label; what the Go provider made has none, and is the cluster's when its endpoint leads there. */
function isOurs(object: Seen<LoadBalancer> | Seen<Service>, { object: own }: ClusterDeleteView): boolean {
  const claim = claimOn(object, own);
  if (claim !== "unclaimed") return claim === "ours";
  const address = addressOf(object);
  return (
    own.metadata.annotations[ENDPOINT_ANNOTATION] !== undefined &&
    address !== undefined &&
    address === own.spec.controlPlaneEndpoint?.host
  );
}

function addressOf(object: Seen<LoadBalancer> | Seen<Service>): string | undefined {
  const { status } = object;
  if ("loadBalancer" in status) return status.loadBalancer.ingress[0]?.ip;
  return status.address;
}

const NAMED = 3;

/** The first few of many. */
export function some(names: readonly string[]): string {
  const rest = names.length - NAMED;
  return rest > 0 ? `${names.slice(0, NAMED).join(", ")} and ${rest} more` : names.join(", ");
}

function waiting(reason: string, message: string): DeleteStep {
  return { kind: "waiting", reason, message };
}
