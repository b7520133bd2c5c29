import { injectionReasons } from "#api/condition-names.ts";
import { eventDetails, eventTypeNamed } from "#events/catalog/details.ts";
import type { Emission } from "#functions/contract/outcome.ts";
import type { EventInjection } from "#platform/cluster-api/event-injection.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import * as resources from "#platform/kube/resources.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

/** The event of an injection, or why it never happens; with the words of the condition. */
export type Planned =
  | { readonly kind: "taken"; readonly reason: string; readonly message: string; readonly emission: Emission }
  | { readonly kind: "refused"; readonly reason: string; readonly message: string };

/** Reads what an injection asks for. */
export function emissionOf({ spec, meta }: Seen<EventInjection>): Planned {
  const { kind, name, connection = MANAGEMENT } = spec.target;
  const { namespace = "" } = meta;
  const type = eventTypeNamed(spec.type);
  if (type === undefined)
    return refused("UnknownEventType", `spec.type is not in the catalogue; see: capfn events list`);
  const resource = resourceNamed(kind);
  if (resource === undefined)
    return refused("UnknownKind", `spec.target.kind is no kind that capfn looks at; e.g. Machine`);
  if (connection !== MANAGEMENT && connection.split("/")[1] !== namespace)
    return refused("ForeignNamespace", `spec.target.connection is not of namespace ${namespace}`);
  const data = spec.data ?? {};
  const fits = eventDetails[type].data.safeParse(data);
  if (!fits.success) {
    const field = ["spec.data", ...(fits.error.issues[0]?.path ?? [])].map(String).join(".");
    return refused("UnfitEventData", `${field} does not fit ${type}; see docs/events.md`);
  }
  const ref = { connection, namespace: resource.namespaced ? namespace : undefined, name };
  return {
    kind: "taken",
    reason: injectionReasons.EventTaken,
    message: "",
    emission: { type, data, target: { type: resource, ref } },
  };
}

function refused(reason: keyof typeof injectionReasons, message: string): Planned {
  return { kind: "refused", reason: injectionReasons[reason], message };
}

/** By kind or plural, in any case. */
function resourceNamed(name: string): ResourceType | undefined {
  const wanted = name.toLowerCase();
  return Object.values(resources).find(
    ({ kind, plural }) => kind.toLowerCase() === wanted || plural === wanted,
  );
}
