import { ageColumn, capfnApi, type CustomResource } from "#api/custom-resource.ts";
import { eventInjectionSchema } from "#api/event-injection.ts";

const eventInjection: CustomResource = {
  group: capfnApi,
  kind: "EventInjection",
  plural: "eventinjections",
  description:
    "EventInjection makes an event of the catalogue happen, once: a hint, under the rights and in the audit log of the API server.",
  schema: eventInjectionSchema,
  shortNames: ["evinj"],
  categories: ["cluster-api"],
  status: true,
  columns: [
    { name: "Type", type: "string", jsonPath: ".spec.type", description: "Type of the event", priority: 0 },
    {
      name: "Kind",
      type: "string",
      jsonPath: ".spec.target.kind",
      description: "Kind of the object it is about",
      priority: 0,
    },
    {
      name: "Name",
      type: "string",
      jsonPath: ".spec.target.name",
      description: "Name of the object it is about",
      priority: 0,
    },
    {
      name: "Taken",
      type: "date",
      jsonPath: ".status.takenAt",
      description: "Time since it happened",
      priority: 0,
    },
    {
      name: "Why",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Taken")].reason',
      description: "Why it happened or did not",
      priority: 1,
    },
    ageColumn,
  ],
};

/** The kind of the group `capfn.dev` by which events are injected. */
export const eventResources: readonly CustomResource[] = [eventInjection];
