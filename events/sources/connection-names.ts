import type { Connection } from "#platform/kube/view.ts";

/** Where the kubeconfig of a connection is kept. */
export interface SecretLocation {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

/** The connections that are made from a Secret, going by its name. */
export function connectionsFrom(namespace: string, name: string): Connection[] {
  const cluster = /^(.+)-kubeconfig$/.exec(name)?.[1];
  const harvester = `harvester/${namespace}/${name}`;
  return cluster === undefined ? [harvester] : [harvester, `workload/${namespace}/${cluster}`];
}

/** The Secret behind a connection: an identity Secret for Harvester, `<cluster>-kubeconfig` for a workload cluster. Undefined for others. */
export function parseConnection(connection: Connection): SecretLocation | undefined {
  const [kind, namespace, name] = connection.split("/");
  if (namespace === undefined || name === undefined) return undefined;
  if (kind === "harvester") return { namespace, name, key: "kubeconfig" };
  if (kind === "workload") return { namespace, name: `${name}-kubeconfig`, key: "value" };
  return undefined;
}
