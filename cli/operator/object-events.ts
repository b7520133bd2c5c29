import * as z from "zod";
import type { KubeReader } from "#platform/kube/client.ts";
import type { ObjectName, ResourceType } from "#platform/kube/resource.ts";
import { events } from "#platform/kube/resources.ts";

const eventSchema = z.looseObject({
  type: z.string().default("Normal"),
  reason: z.string().default(""),
  message: z.string().default(""),
  lastTimestamp: z.string().nullish(),
  eventTime: z.string().nullish(),
  metadata: z.looseObject({ creationTimestamp: z.string().optional() }),
});

/** A Kubernetes Event about an object. */
export interface ObjectEvent {
  /** RFC 3339, when it last happened. */
  readonly at: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** The Kubernetes Events about an object of this name; the API server keeps them for an hour unless told otherwise. */
export async function objectEvents(
  client: KubeReader,
  { kind }: ResourceType,
  { namespace, name }: ObjectName,
): Promise<ObjectEvent[]> {
  const found: ObjectEvent[] = [];
  const fieldSelector = `involvedObject.kind=${kind},involvedObject.name=${name}`;
  for await (const object of client.list(events, { namespace, fieldSelector })) {
    const { type, reason, message, lastTimestamp, eventTime, metadata } = eventSchema.parse(object);
    const at = lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "";
    found.push({ at, type, reason, message });
  }
  return found.toSorted((a, b) => a.at.localeCompare(b.at));
}
