import type { Hub } from "#events/hub/hub.ts";
import { typed } from "#events/hub/projection.ts";
import { MANAGEMENT, type ResourceView, type Seen } from "#platform/kube/view.ts";

/** Every object of a resource that the hub knows at one API server. */
export function everyOne<P>(hub: Hub, view: ResourceView<P>, connection = MANAGEMENT): Seen<P>[] {
  const entries = hub.index.collection(view, connection).snapshot();
  return entries.map(([, { seen }]) => typed(view, seen));
}
