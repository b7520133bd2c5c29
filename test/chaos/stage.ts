import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import {
  harvesterClusters,
  harvesterMachines,
  ipPools,
  machines,
  nodes,
  persistentVolumeClaims,
  remediationRequests,
  secrets,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import type { ResourceType } from "#platform/kube/resource.ts";

/** The API servers of a trial: management, Harvester, workload. */
export type Api = "M" | "H" | "W";

/** What can be called, and what is recorded: an API server, or etcd of a workload cluster. */
export type Edge = Api | "E";

export type StageUser = "admin" | "capfn" | "simulator";

/** One API server, as each of its users reaches it. */
export interface StageApi {
  readonly config: (user: StageUser) => ConnectionConfig;
  /** For the user `capfn`: what an identity Secret or a `<cluster>-kubeconfig` Secret holds. */
  readonly kubeconfig: string;
}

/** Real API servers on one etcd, so that the resourceVersions of all of them are points of one time line. */
export type Stage = Readonly<Record<Api, StageApi>>;

/** What is recorded of every trial: everything a function creates, writes or deletes, and what follows from it. */
export const observed: readonly { readonly api: Api; readonly type: ResourceType }[] = [
  { api: "M", type: harvesterMachines },
  { api: "M", type: harvesterClusters },
  { api: "M", type: machines },
  { api: "M", type: remediationRequests },
  { api: "M", type: secrets },
  { api: "H", type: virtualMachines },
  { api: "H", type: virtualMachineInstances },
  { api: "H", type: persistentVolumeClaims },
  { api: "H", type: secrets },
  { api: "H", type: ipPools },
  { api: "W", type: nodes },
];

/** The API server a connection leads to. */
export function apiOf(connection: string): Api {
  if (connection.startsWith("harvester")) return "H";
  return connection.startsWith("workload") ? "W" : "M";
}
