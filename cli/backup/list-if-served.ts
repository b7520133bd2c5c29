import type { KubeReader, ListOptions } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";

/** All objects of a kind; none when the API server does not serve the kind. */
export async function listIfServed(
  client: Pick<KubeReader, "list">,
  type: ResourceType,
  options: ListOptions = {},
): Promise<KubeObject[]> {
  const found = new Map<string, KubeObject>();
  try {
    for await (const object of client.list(type, options)) found.set(object.metadata.uid, object);
  } catch (error) {
    if (isNotServed(error)) return [];
    throw error;
  }
  return [...found.values()];
}

function isNotServed(error: unknown): boolean {
  return isKubeError(error, "notFound") || (isKubeError(error) && error.detail === "notServed");
}
