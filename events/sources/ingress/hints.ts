import * as z from "zod";
import { eventTypeOf, type ChangeVerb } from "#events/catalog/classify.ts";
import { alertDataSchema } from "#events/catalog/data.ts";
import { eventDetails } from "#events/catalog/details.ts";
import { isEventType, type EventType } from "#events/catalog/types.ts";
import type { ReceivedEvent } from "#events/sources/ingress/cloud-events.ts";
import { fieldName } from "#events/sources/ingress/config.ts";
import type { Cause } from "#functions/contract/function.ts";
import { apiVersionOf } from "#platform/kube/resource.ts";
import { MANAGEMENT, type Connection, type ObjectRef, type ResourceView } from "#platform/kube/view.ts";

/** What an event from outside comes to: look at this object, for this reason. */
export interface Hint {
  readonly view: ResourceView<unknown>;
  readonly ref: ObjectRef;
  readonly cause: Cause;
  /** What observers are told beside it: of an alert, its identity. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
}

/** An event that will never be understood. The message names the attribute and the mend. */
export class UnfitEvent extends Error {
  override readonly name = "UnfitEvent";
}

/** Kinds that can be hinted at, by plural, by kind and by `<apiVersion> <kind>`, all in lower case. */
export type HintTargets = ReadonlyMap<string, ResourceView<unknown>>;

/** The kinds functions look at. */
export function hintTargets(views: Iterable<ResourceView<unknown>>): HintTargets {
  return new Map(
    [...views].flatMap((view) => {
      const { plural, kind } = view.type;
      const full = `${apiVersionOf(view.type)} ${kind}`;
      return [plural, kind, full].map((name) => [name.toLowerCase(), view] as const);
    }),
  );
}

/** ApiServerSource of Knative Eventing: the object itself, or a reference to it, as data; its kind and name also as extensions. */
const knativeType = /^dev\.knative\.apiserver\.(?:resource|ref)\.(?<verb>add|update|delete)$/;
const knativeVerbs: Readonly<Record<string, ChangeVerb>> = {
  add: "created",
  update: "changed",
  delete: "deleted",
};
/** Nothing a sender has added is passed on. */
const alertIdentity = z.object(alertDataSchema.shape);
const knativeDataSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string().optional(),
  namespace: z.string().optional(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }).optional(),
});

/** Reads what an event asks to look at. Its data is checked, and believed in nothing. Throws {@link UnfitEvent}. */
export function hintOf(event: ReceivedEvent, targets: HintTargets, now: () => number): Hint {
  const knative = knativeType.exec(event.type);
  const time = event.time ?? new Date(now()).toISOString();
  const cause = (type: EventType): Cause => ({ id: event.id, source: event.source, type, time });
  if (knative !== null) {
    const { view, ref } = knativeTarget(event, targets);
    const verb = knativeVerbs[knative.groups?.["verb"] ?? ""] ?? "changed";
    return { view, ref, cause: cause(eventTypeOf(view.type.plural, verb)) };
  }
  if (!isEventType(event.type))
    throw new UnfitEvent("type: is not in the catalogue; `capfn events list` shows what is");
  const data = eventDetails[event.type].data.safeParse(event.data ?? {});
  if (!data.success) {
    const [issue] = data.error.issues;
    throw new UnfitEvent(
      `${fieldName(["data", ...(issue?.path ?? [])])}: ${issue?.message ?? "does not fit"}`,
    );
  }
  const alert = event.type.startsWith("dev.capfn.alert.") ? alertIdentity.parse(data.data) : undefined;
  return { ...subjectTarget(event, targets), cause: cause(event.type), data: alert };
}

function subjectTarget(
  { subject, source }: ReceivedEvent,
  targets: HintTargets,
): Omit<Hint, "cause" | "data"> {
  const parts = subjectPattern.exec(subject ?? "")?.groups;
  if (parts === undefined)
    throw new UnfitEvent("subject: write namespaces/<namespace>/<plural>/<name>, or <plural>/<name>");
  const { namespace, plural = "", name = "" } = parts;
  const view = targets.get(plural.toLowerCase());
  if (view === undefined) throw new UnfitEvent("subject: names a kind that no function looks at");
  return refOf(view, connectionOf(source), { namespace, name });
}

/** Names of Kubernetes objects; what else they may hold has no meaning anywhere. */
const objectNamePattern = /^[A-Za-z0-9][\w.:-]{0,252}$/;

const subjectPattern = /^(?:namespaces\/(?<namespace>[^/\s]+)\/)?(?<plural>[^/\s]+)\/(?<name>[^/\s]+)$/;

function knativeTarget({ data, source }: ReceivedEvent, targets: HintTargets): Omit<Hint, "cause"> {
  const read = knativeDataSchema.safeParse(data);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new UnfitEvent(
      `${fieldName(["data", ...(issue?.path ?? [])])}: ${issue?.message ?? "does not fit"}`,
    );
  }
  const { apiVersion, kind, metadata } = read.data;
  const { name, namespace } = metadata ?? read.data;
  if (name === undefined) throw new UnfitEvent("data.name: is missing; send the object or a reference to it");
  const view = targets.get(`${apiVersion} ${kind}`.toLowerCase());
  if (view === undefined) throw new UnfitEvent("data.kind: no function looks at this kind and version");
  return refOf(view, connectionOf(source), { namespace, name });
}

function refOf(
  view: ResourceView<unknown>,
  connection: Connection,
  { namespace, name }: { readonly namespace: string | undefined; readonly name: string },
): Omit<Hint, "cause"> {
  if (view.type.namespaced && namespace === undefined)
    throw new UnfitEvent(`subject: ${view.type.plural} have a namespace; write namespaces/<namespace>/...`);
  if (!objectNamePattern.test(name) || (namespace !== undefined && !objectNamePattern.test(namespace)))
    throw new UnfitEvent("subject: holds what is no name of a Kubernetes object");
  return { view, ref: { connection, namespace: view.type.namespaced ? namespace : undefined, name } };
}

/** Our own sources say which API server the object is in; everybody else's is the management cluster. */
function connectionOf(source: string): Connection {
  const own = /^\/clusters\/[^/]+\/(?<connection>(?:harvester|workload)\/[\w.-]+\/[\w.-]+)\/apis?\//.exec(
    source,
  );
  return own?.groups?.["connection"] ?? MANAGEMENT;
}
