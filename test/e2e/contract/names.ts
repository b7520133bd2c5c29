/** Namespace of everything on the management clusters, and target namespace on Harvester. */
export const NAMESPACE = "demo";

/** Versions of Kubernetes that the machines are asked to have; no kubelet of them runs. */
export const VERSION = "v1.34.1";
export const NEWER_VERSION = "v1.34.2";

/** Taken by each cluster: a name, an address for its endpoint, how many machines. */
export interface ClusterPlan {
  readonly name: string;
  /** Of the loopback interface, so that the load balancer's address leads to the cluster's real API server. */
  readonly endpoint: string;
  readonly controlPlanes: number;
  readonly workers: number;
}

export const workersOf = (cluster: string): string => `${cluster}-workers`;
