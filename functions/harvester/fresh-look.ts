import type { KubeReader } from "#platform/kube/client.ts";
import type { ObjectRef, ResourceView, Seen } from "#platform/kube/view.ts";

/**
 * The object as a quorum read has it now, in the form of its view; undefined when it does not exist. For steps that destroy, and after a
 * conflict: everything else rests on the snapshot.
 */
export async function freshLook<P>(
  client: Pick<KubeReader, "get">,
  view: ResourceView<P>,
  ref: ObjectRef,
): Promise<Seen<P> | undefined> {
  const object = await client.get(view.type, { namespace: ref.namespace, name: ref.name });
  if (object === undefined) return undefined;
  const { namespace, name, uid, resourceVersion, generation, deletionTimestamp, creationTimestamp } =
    object.metadata;
  return {
    ...view.schema.parse(object),
    meta: {
      connection: ref.connection,
      namespace,
      name,
      uid,
      resourceVersion,
      generation,
      deletionTimestamp,
      creationTimestamp,
    },
  };
}
