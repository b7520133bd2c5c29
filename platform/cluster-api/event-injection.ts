import * as z from "zod";
import { eventInjectionSchema } from "#api/event-injection.ts";
import { eventInjections } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What we look at of an EventInjection. */
const injectionSchema = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).prefault({}) }).prefault({}),
  spec: eventInjectionSchema.shape.spec,
  status: eventInjectionSchema.shape.status.unwrap().prefault({}),
});

export type EventInjection = z.infer<typeof injectionSchema>;

export const eventInjectionView: ResourceView<EventInjection> = {
  type: eventInjections,
  schema: injectionSchema,
};
