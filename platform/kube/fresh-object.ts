import type { KubeReader } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject, ObjectName, ResourceType } from "#platform/kube/resource.ts";

/** Fresh looks at an object whose version moved under a write. */
const TRIES = 4;

/**
 * Compare-and-set: reads the object, lets `write` work on what it is now, and looks afresh when somebody was quicker. `write` puts the
 * resourceVersion it was handed into what it sends. False when there is no such object.
 *
 * @throws KubeError, a `conflict` only after several looks
 */
export async function withFreshObject(
  client: Pick<KubeReader, "get">,
  type: ResourceType,
  { namespace, name }: ObjectName,
  write: (current: KubeObject) => Promise<void>,
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    const current = await client.get(type, { namespace, name });
    if (current === undefined) return false;
    try {
      await write(current);
      return true;
    } catch (error) {
      if (!isKubeError(error, "conflict") || tries >= TRIES) throw error;
    }
  }
}
