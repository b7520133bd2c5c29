import type { KubeReader } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { Connection, ObjectRef, ResourceView, Seen } from "#platform/kube/view.ts";

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
  return object === undefined ? undefined : seenAs(view, object, ref.connection);
}

/** An object as the API server answered, in the form of its view. */
export function seenAs<P>(view: ResourceView<P>, object: KubeObject, connection: Connection): Seen<P> {
  const { namespace, name, uid, resourceVersion, generation, deletionTimestamp, creationTimestamp } =
    object.metadata;
  return {
    ...view.schema.parse(object),
    meta: {
      connection,
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
