import * as z from "zod";

/** RFC 3339, as Kubernetes and Alertmanager write times. */
const timeSchema = z.iso.datetime({ offset: true });

/**
 * Data of an event about an object: what its sender knows of the object. All of it is optional, none of it is believed: who is woken looks
 * at the object itself.
 */
export const objectDataSchema = z
  .looseObject({
    apiVersion: z.string().meta({ description: "Group and version of the object." }).optional(),
    kind: z.string().meta({ description: "Kind of the object." }).optional(),
    namespace: z.string().meta({ description: "Namespace of the object." }).optional(),
    name: z.string().meta({ description: "Name of the object." }).optional(),
    uid: z.string().meta({ description: "uid of the object." }).optional(),
    resourceVersion: z.string().meta({ description: "Version of the object that was seen." }).optional(),
  })
  .meta({ description: "What is known of the object. Nothing of it is believed." });

/** Data of an event that is about time or about the hub itself: nothing is needed. */
export const emptyDataSchema = z.looseObject({}).meta({ description: "Nothing is needed." });

/** Data of an event about a step that has ended. */
export const stepDataSchema = objectDataSchema
  .extend({
    function: z.string().meta({ description: "Name of the function." }).optional(),
    outcome: z
      .enum(["done", "waitFor", "requeueAfter", "failed", "fault"])
      .meta({ description: "What the step said; `fault` when it threw." })
      .optional(),
    reason: z.string().meta({ description: "Why, in one word; empty for `done`." }).optional(),
    durationMs: z.number().meta({ description: "How long it ran, ms." }).optional(),
    writes: z
      .array(
        z.looseObject({ verb: z.string(), connection: z.string(), resource: z.string(), name: z.string() }),
      )
      .meta({ description: "What it wrote: verb, API server, resource, namespace and name." })
      .optional(),
  })
  .meta({ description: "What became of a step. The object is the one the step was for." });

/** Data of an event that a function reports of its cluster. */
export const reportDataSchema = z
  .looseObject({
    cluster: z.string().meta({ description: "`<namespace>/<name>` of the HarvesterCluster." }).optional(),
    reason: z.string().meta({ description: "Reason of the condition that says so." }).optional(),
    message: z.string().meta({ description: "Message of the condition." }).optional(),
  })
  .meta({ description: "What was found." });

/** Data of an event about an alert. `fingerprint` and `startsAt` together are the alert's identity. */
export const alertDataSchema = z
  .looseObject({
    name: z.string().min(1).meta({ description: "Name of the alert." }),
    fingerprint: z
      .string()
      .regex(/^[0-9a-f]{1,64}$/)
      .meta({ description: "Hash of the alert's labels, as Alertmanager sends it." }),
    startsAt: timeSchema.meta({ description: "When the alert began to fire, RFC 3339." }),
    endsAt: timeSchema.meta({ description: "When it ended, RFC 3339; absent while it fires." }).optional(),
    labels: z
      .record(z.string(), z.string())
      .meta({ description: "Labels of the alert; by them the machine is found." })
      .optional(),
  })
  .meta({ description: "An alert, as far as its identity and its machine go." });
