import type { Scope } from "#events/hub/names.ts";
import type { Projection } from "#events/hub/projection.ts";
import { MANAGEMENT, type Connection, type ResourceView } from "#platform/kube/view.ts";

/** Which objects of the management cluster one hub acts for, when several stand side by side. All when both are left out. */
export interface Shard {
  /** Only objects of these namespaces; nothing is listed over all namespaces then. */
  readonly namespaces?: readonly string[] | undefined;
  /** Only objects whose label `cluster.x-k8s.io/watch-filter` has this value (Cluster API, "Multiple instances of a provider"). */
  readonly watchFilter?: string | undefined;
}

/**
 * Whether the hub acts for the object. What is not its own is still in the index, where it was listed: others of its cluster or pool are
 * looked at to decide about its own.
 */
export function isOwn(
  { namespaces, watchFilter }: Shard,
  { seen: { meta }, watchFilter: label }: Projection,
): boolean {
  if (watchFilter !== undefined && label !== watchFilter) return false;
  return meta.namespace === undefined || (namespaces?.includes(meta.namespace) ?? true);
}

/**
 * The streams that show what is asked for: of objects of one namespace, or of all that the hub acts for. An object in a namespace that is
 * not the hub's own, a shared identity Secret say, is watched in its namespace alone.
 */
export function scopesIn(
  { namespaces }: Shard,
  view: ResourceView<unknown>,
  connection: Connection,
  namespace: string | undefined,
): readonly Scope[] {
  const within = view.type.namespaced ? namespace : undefined;
  if (connection !== MANAGEMENT) return [{ connection, namespace: within }];
  if (namespaces === undefined || !view.type.namespaced) return [{ connection }];
  return (within === undefined ? namespaces : [within]).map((each) => ({ connection, namespace: each }));
}
