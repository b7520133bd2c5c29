import type { EventObject, HubEvent } from "#events/hub/observer.ts";
import { apiVersionOf } from "#platform/kube/resource.ts";

/** One event for observers, as CloudEvents 1.0 attributes and a body of JSON. */
export interface BroadcastMessage {
  /** Attributes and extensions by name, `specversion` and `datacontenttype` among them. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Order holds among messages with the same. */
  readonly partitionKey: string;
  /** What its NATS subject ends with: type without `dev.capfn.`, namespace and name of the object. */
  readonly path: readonly string[];
  readonly body: string;
}

/** Digits of `sequence`: the extension orders as text, and a resourceVersion is an unsigned 64-bit number. */
const SEQUENCE_DIGITS = 20;

/**
 * What observers are told of something that happened in the hub: names, versions and outcomes, never content of objects. Undefined for what is
 * of no interest outside.
 */
export function messageOf(event: HubEvent, source: string, now: number): BroadcastMessage | undefined {
  switch (event.kind) {
    case "happened": {
      const { cause, object, data } = event;
      return message({ ...cause }, object, data ?? dataOf(object));
    }
    case "emitted": {
      const { cause, object, data } = event;
      return message({ ...cause }, object, data);
    }
    case "outcome": {
      const { function: fn, attempt, cause, subject, key, outcome, reason, writes } = event;
      const id = `${fn}/${attempt}/${subject.ref.uid ?? subject.ref.name}`;
      const attributes = {
        id,
        type: "dev.capfn.step.ended",
        source: `${source}/functions/${fn}`,
        time: new Date(now).toISOString(),
        causationid: cause.id,
        function: fn,
        attempt,
      };
      const data = {
        ...dataOf(subject),
        function: fn,
        outcome,
        reason,
        durationMs: Math.round(event.durationMs * 10) / 10,
        writes: writes.map(({ verb, connection, resource, namespace, name }) => ({
          verb,
          connection,
          resource,
          namespace,
          name,
        })),
      };
      return message(attributes, subject, data, key);
    }
    default:
      return undefined;
  }
}

function message(
  attributes: Readonly<Record<string, string>> & { readonly type: string },
  object: EventObject | undefined,
  data: Readonly<Record<string, unknown>>,
  key = keyOf(object),
): BroadcastMessage {
  const { type } = attributes;
  const version = object?.ref.resourceVersion;
  const ofObject = object === undefined ? [] : [object.ref.namespace ?? "", object.ref.name];
  return {
    attributes: {
      specversion: "1.0",
      ...attributes,
      ...(object !== undefined && { subject: subjectOf(object) }),
      datacontenttype: "application/json",
      partitionkey: key,
      ...(version !== undefined && { sequence: version.padStart(SEQUENCE_DIGITS, "0") }),
    },
    partitionKey: key,
    path: [...type.replace(/^dev\.capfn\./, "").split("."), ...ofObject],
    body: JSON.stringify(data),
  };
}

function dataOf(object: EventObject | undefined): Record<string, unknown> {
  if (object === undefined) return {};
  const { type, ref } = object;
  const { namespace, name, uid, resourceVersion } = ref;
  return { apiVersion: apiVersionOf(type), kind: type.kind, namespace, name, uid, resourceVersion };
}

/** The hub's own key of an object: nothing else runs under it, so the order of what is told of it is the order of what happened. */
function keyOf(object: EventObject | undefined): string {
  if (object === undefined) return "hub";
  const { type, ref } = object;
  return `${type.plural}/${ref.uid ?? `${ref.namespace ?? ""}/${ref.name}`}`;
}

function subjectOf({ type, ref: { namespace, name } }: EventObject): string {
  return namespace === undefined
    ? `${type.plural}/${name}`
    : `namespaces/${namespace}/${type.plural}/${name}`;
}
