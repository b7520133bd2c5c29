import { injectionReasons } from "#api/condition-names.ts";
import type { RemediationTarget } from "#api/remediation-request.ts";
import { eventDetails, eventTypeNamed } from "#events/catalog/details.ts";
import type { EventType } from "#events/catalog/types.ts";
import type { Emission } from "#functions/contract/outcome.ts";
import type { EventInjection } from "#platform/cluster-api/event-injection.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import * as resources from "#platform/kube/resources.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

/** The event of an injection, or why it never happens; with the words of the condition. */
export type Planned =
  | {
      readonly kind: "taken";
      readonly reason: string;
      readonly message: string;
      readonly emission: Emission;
      /** Set for a machine that is said to be unwell: the request that finds out whether it is, and the machine that is meant. */
      readonly request?: { readonly name: string; readonly target: RemediationTarget } | undefined;
    }
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
  const target = type === UNHEALTHY ? unwellMachine(resource, ref) : undefined;
  if (type === UNHEALTHY && target === undefined)
    return refused(
      "UnknownKind",
      `spec.target is neither a Machine nor a Node with spec.target.connection workload/${namespace}/<Cluster>`,
    );
  const request = target && { name: `injection-${meta.uid}`, target };
  return {
    kind: "taken",
    reason: injectionReasons.EventTaken,
    message: request === undefined ? "" : `see remediationrequest ${request.name}`,
    emission: { type, data, target: { type: resource, ref } },
    request,
  };
}

const UNHEALTHY: EventType = "dev.capfn.node.unhealthy";

/** As a RemediationRequest names it; undefined when this object leads to no machine. */
function unwellMachine(
  { plural }: ResourceType,
  { connection, name }: { readonly connection: string; readonly name: string },
): RemediationTarget | undefined {
  if (plural === resources.machines.plural && connection === MANAGEMENT) return { machine: name };
  const [api, , cluster] = connection.split("/");
  return plural === resources.nodes.plural && api === "workload" ? { cluster, node: name } : undefined;
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
