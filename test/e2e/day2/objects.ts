import { NAMESPACE } from "#cli/demo/stage.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";

/** All objects of a kind in the namespace of the stage. */
export async function all(client: KubeClient, type: ResourceType): Promise<KubeObject[]> {
  const found: KubeObject[] = [];
  for await (const object of client.list(type, { namespace: NAMESPACE })) found.push(object);
  return found;
}
