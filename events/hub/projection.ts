import { createHash } from "node:crypto";
import { watchFilterLabel } from "#api/names.ts";
import { personsWord, SKIP_ANNOTATION } from "#events/hub/persons-word.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { Connection, ResourceView, Seen, SeenMeta } from "#platform/kube/view.ts";

/** What the index keeps of an object at one version. */
export interface Projection {
  readonly seen: Seen<unknown>;
  /**
   * Of what we look at: fields of the view, uid, when deletion was asked for, which hub is to act, and what a person said of parked work.
   * Equal digests mean nothing to look at has changed.
   */
  readonly digest: string;
  /** Field manager of the newest change, for naming the culprit of a thrash. */
  readonly manager: string | undefined;
  /** The hub's own note on the object (annotation `capfn.dev/attempts`): attempts and parks that outlive the hub. */
  readonly note: string | undefined;
  /** Annotation `capfn.dev/skip` as it is: which functions a person wants to leave the object alone. */
  readonly skips: string | undefined;
  /** Label `cluster.x-k8s.io/watch-filter`: which of several hubs acts for the object. */
  readonly watchFilter: string | undefined;
  /** Values of the view's indexes. */
  readonly indexed: Readonly<Record<string, readonly string[]>>;
}

/** Annotation in which the hub keeps attempts and parks of an object, so that its own restart cannot reset them. */
export const NOTE_ANNOTATION = "capfn.dev/attempts";

/** Hash of a JSON value. The same value gives the same digest in every process, because key order follows the schema that read it. */
export function digest(value: unknown): string {
  return createHash("sha1")
    .update(JSON.stringify(value) ?? "")
    .digest("base64url");
}

/** What a view sees of an object. Throws {@link UnreadableObject} when it does not fit; the message names the field, not its value. */
export function project<P>(view: ResourceView<P>, connection: Connection, object: KubeObject): Seen<P> {
  const parsed = view.schema.safeParse(object);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`).join(", ");
    throw new UnreadableObject(`${describe(view, object)} cannot be read: ${fields}`);
  }
  return { ...parsed.data, meta: metaOf(connection, object) };
}

/** The same with what the index keeps beside it. Throws {@link UnreadableObject}, whatever goes wrong in the view. */
export function projectionOf(
  view: ResourceView<unknown>,
  connection: Connection,
  object: KubeObject,
  manager?: string,
): Projection {
  try {
    const seen: Seen<unknown> = project(view, connection, object);
    const { meta, ...body } = seen;
    const note = object.metadata.annotations?.[NOTE_ANNOTATION];
    const skips = object.metadata.annotations?.[SKIP_ANNOTATION];
    const word = personsWord(note, skips, meta);
    const watchFilter = object.metadata.labels?.[watchFilterLabel];
    return {
      seen,
      digest: digest([
        body,
        meta.uid,
        meta.deletionTimestamp,
        ...(word === undefined ? [] : [word]),
        ...(watchFilter === undefined ? [] : [{ watchFilter }]),
      ]),
      manager,
      note,
      skips,
      watchFilter,
      indexed: view.indexes?.(seen) ?? {},
    };
  } catch (error) {
    if (error instanceof UnreadableObject) throw error;
    const why = error instanceof Error ? error.name : "unknown error";
    throw new UnreadableObject(`${describe(view, object)} cannot be read: ${why}`);
  }
}

function describe({ type }: ResourceView<unknown>, { metadata }: KubeObject): string {
  return `${type.kind} ${metadata.namespace ?? ""}/${metadata.name}`;
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
