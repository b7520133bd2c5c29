import { join } from "node:path";

/** Namespace of the simulated world when none is named. */
export const SIMULATOR_NAMESPACE = "capfn-simulator";

/** Mounted into every container of the simulator's pod. */
export const DATA_DIRECTORY = "/data";

/** Where the simulator finds what to install on Harvester, in its pod. */
export const INSTALL_DIRECTORY = "/install";

/** What stands on Harvester before the first VM: CustomResourceDefinitions, and an image, a key pair and a pool. JSON, gzip. */
export const INSTALL_FILE = "harvester.json.gz";

/** An API server of the simulated world; each is a container of the same pod and a Service of its namespace. */
export const planes = ["harvester", "workload"] as const;
export type Plane = (typeof planes)[number];

/** Ports of the API servers in their pod. */
export const planePorts: Readonly<Record<Plane, number>> = { harvester: 6443, workload: 6444 };

/** Folder of an API server's keys, tokens and kubeconfigs. */
export function planeDirectory(data: string, plane: Plane): string {
  return join(data, plane);
}

/** Kubeconfig of one user of an API server: at its Service for `capfn` and `admin`, in the pod for `simulator`. */
export function planeKubeconfig(data: string, plane: Plane, user: string): string {
  return join(planeDirectory(data, plane), `${user}.kubeconfig`);
}

/** Address of an API server for everything in the cluster. */
export function planeServer(namespace: string, plane: Plane): string {
  return `https://${plane}.${namespace}.svc`;
}
