import { createHash } from "node:crypto";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { Connection, ResourceView, Seen, SeenMeta } from "#platform/kube/view.ts";

/** Hash of a JSON value. The same value gives the same digest in every process, because key order follows the schema that read it. */
export function digest(value: unknown): string {
  return createHash("sha1")
    .update(JSON.stringify(value) ?? "")
    .digest("base64url");
}

/** What the index keeps of an object. Throws when the object does not fit the view's schema; the message names the field, not its value. */
export function project<P>(view: ResourceView<P>, connection: Connection, object: KubeObject): Seen<P> {
  const parsed = view.schema.safeParse(object);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`).join(", ");
    throw new UnreadableObject(
      `${view.type.kind} ${object.metadata.namespace ?? ""}/${object.metadata.name} cannot be read: ${fields}`,
    );
  }
  return { ...parsed.data, meta: metaOf(connection, object) };
}

/** An object that does not fit what we know of its kind. It blocks what looks at it, and nothing else. */
export class UnreadableObject extends Error {
  override readonly name = "UnreadableObject";
}

function metaOf(connection: Connection, { metadata }: KubeObject): SeenMeta {
  return {
    connection,
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    generation: metadata.generation,
    deletionTimestamp: metadata.deletionTimestamp,
    creationTimestamp: metadata.creationTimestamp,
  };
}

/** What a view's schema made, taken back out of a store of many types. Right because each resource has one view, and stores are kept by resource. */
export function typed<P>(_view: ResourceView<P>, seen: Seen<unknown>): Seen<P> {
  // The one place where the compiler cannot follow.
  // oxlint-disable-next-line typescript/consistent-type-assertions
  return seen as Seen<P>;
}
