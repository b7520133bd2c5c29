import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import {
  harvesterClusters,
  harvesterMachines,
  ipPools,
  namespaces,
  nodes,
  virtualMachines,
} from "#platform/kube/resources.ts";
import type { Theatre } from "#test/chaos/theatre.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";

/** Asks for the end of everything of a trial; what needs time goes by itself. Failures are left to the namespace's deletion. */
export async function clearAway({ clients }: Theatre, names: TrialNames): Promise<void> {
  const { M, H, W } = clients;
  await Promise.all([
    each(M, harvesterMachines, names.namespace, (object) => release(M, harvesterMachines, object)),
    each(M, harvesterClusters, names.namespace, (object) => release(M, harvesterClusters, object)),
    each(H, virtualMachines, names.target, (object) => drop(H, virtualMachines, object)),
    each(H, ipPools, undefined, async (object) => {
      if (!object.metadata.name.startsWith(names.id)) return;
      await H.mergePatch(ipPools, object.metadata, { status: { allocated: null } });
      await drop(H, ipPools, object);
    }),
    each(W, nodes, undefined, async (object) => {
      if (object.metadata.name.startsWith(names.id)) await drop(W, nodes, object);
    }),
  ]).catch(() => {});
  await Promise.all([
    namespace(M, names.namespace),
    namespace(H, names.target),
  ]).catch(() => {});
}

async function each(
  client: KubeClient,
  type: ResourceType,
  within: string | undefined,
  act: (object: KubeObject) => Promise<unknown>,
): Promise<void> {
  for await (const object of client.list(type, { namespace: within })) await act(object);
}

async function release(client: KubeClient, type: ResourceType, object: KubeObject): Promise<void> {
  await client.mergePatch(type, object.metadata, { metadata: { finalizers: null } });
  await drop(client, type, object);
}

async function drop(client: KubeClient, type: ResourceType, { metadata }: KubeObject): Promise<void> {
  await client.delete(type, metadata, { uid: metadata.uid });
}

async function namespace(client: KubeClient, name: string): Promise<void> {
  const object = await client.get(namespaces, { name });
  if (object !== undefined) await drop(client, namespaces, object);
}
