import { eventTypeOf, type ChangeVerb } from "#events/catalog/classify.ts";
import type { EventType } from "#events/catalog/types.ts";
import type { Change } from "#events/hub/collection.ts";
import type { Cause } from "#functions/contract/function.ts";
import type { ResourceType } from "#platform/kube/resource.ts";

/** The event a change of an object is. Its id is `<uid>/<resourceVersion>`, so the same change has the same id wherever it is seen. */
export function causeOfChange(clusterId: string, change: Change, now: number): Cause {
  const meta = (change.new ?? change.old)?.seen.meta;
  const { type } = change.view;
  const suffix = change.new === undefined ? "/deleted" : "";
  return {
    id: `${meta?.uid ?? ""}/${meta?.resourceVersion ?? ""}${suffix}`,
    type: eventTypeOf(type.plural, verbOf(change)),
    source: sourceOf(clusterId, meta?.connection ?? "", type),
    time: new Date(now).toISOString(),
  };
}

/** An event of the hub's own: a timer, a sweep, the start. `id` is `<item>/<epoch seconds>` so that it is the same after a restart. */
export function causeOfTime(clusterId: string, type: EventType, subject: string, now: number): Cause {
  return {
    id: `${subject}/${Math.floor(now / 1000)}`,
    type,
    source: `/clusters/${clusterId}/hub`,
    time: new Date(now).toISOString(),
  };
}

function sourceOf(clusterId: string, connection: string, type: ResourceType): string {
  const cluster = connection === "management" ? clusterId : `${clusterId}/${connection}`;
  return type.group === ""
    ? `/clusters/${cluster}/api/${type.version}/${type.plural}`
    : `/clusters/${cluster}/apis/${type.group}/${type.version}/${type.plural}`;
}

function verbOf({ view, old, new: now }: Change): ChangeVerb {
  if (now === undefined) return "deleted";
  if (old === undefined || old.seen.meta.uid !== now.seen.meta.uid) return "created";
  const beganDeleting =
    old.seen.meta.deletionTimestamp === undefined && now.seen.meta.deletionTimestamp !== undefined;
  if (beganDeleting) return "deleting";
  return view.isWell?.(old.seen) === true && !view.isWell(now.seen) ? "ailing" : "changed";
}
