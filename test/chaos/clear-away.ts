import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import {
  clusters,
  harvesterClusters,
  harvesterMachines,
  ipPools,
  loadBalancers,
  machines,
  nodes,
  persistentVolumeClaims,
  remediationRequests,
  secrets,
  services,
  virtualMachines,
} from "#platform/kube/resources.ts";
import type { Theatre } from "#test/chaos/theatre.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";

/**
 * Takes away what a trial left, as far as it costs anything. Its two namespaces stay: to delete one, Kubernetes asks for every kind of object
 * there is, which costs more than all the rest of a trial.
 */
export async function clearAway({ clients }: Theatre, names: TrialNames): Promise<void> {
  const { M, H, W } = clients;
  const ofTrial = ({ metadata }: KubeObject): boolean => metadata.name.startsWith(names.id);
  await Promise.allSettled([
    ...[harvesterMachines, harvesterClusters, machines, clusters, secrets, remediationRequests].map((type) =>
      each(M, type, names.namespace, (object) => release(M, type, object)),
    ),
    ...[virtualMachines, persistentVolumeClaims, secrets, loadBalancers, services].map((type) =>
      each(H, type, names.target, (object) => drop(H, type, object)),
    ),
    each(H, ipPools, undefined, async (object) => {
      if (!ofTrial(object)) return;
      await H.mergePatch(ipPools, object.metadata, { status: { allocated: null } });
      await drop(H, ipPools, object);
    }),
    each(W, nodes, undefined, async (object) => {
      if (ofTrial(object)) await drop(W, nodes, object);
    }),
  ]);
}

const AT_ONCE = 20;

async function each(
  client: KubeClient,
  type: ResourceType,
  within: string | undefined,
  act: (object: KubeObject) => Promise<unknown>,
): Promise<void> {
  const objects: KubeObject[] = [];
  for await (const object of client.list(type, { namespace: within })) objects.push(object);
  for (let at = 0; at < objects.length; at += AT_ONCE)
    await Promise.allSettled(objects.slice(at, at + AT_ONCE).map(act));
}

async function release(client: KubeClient, type: ResourceType, object: KubeObject): Promise<void> {
  const { metadata } = object;
  if (metadata.finalizers !== undefined)
    await client.mergePatch(type, metadata, { metadata: { finalizers: null } });
  await drop(client, type, object);
}

async function drop(client: KubeClient, type: ResourceType, { metadata }: KubeObject): Promise<void> {
  await client.delete(type, metadata, { uid: metadata.uid });
}
