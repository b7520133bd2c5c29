import * as z from "zod";

import { conditionsSchema } from "#api/condition.ts";
import { namespacedMetaSchema } from "#api/object-meta.ts";

const targetSchema = z.looseObject({
  kind: z.string().meta({
    description: "Kind or plural of the object, in any case.",
    examples: ["Machine"],
    minLength: 1,
    maxLength: 63,
  }),
  name: z.string().meta({
    description:
      "Name of the object. It is in the namespace of the injection, unless its kind has no namespaces.",
    examples: ["shop-md-0-x7k2p"],
    minLength: 1,
    maxLength: 253,
  }),
  connection: z
    .string()
    .meta({
      description:
        "API server the object is on: `harvester/<namespace>/<identity Secret>` or `workload/<namespace>/<Cluster>` of the injection's own namespace; the management cluster when left out.",
      examples: ["harvester/demo/identity"],
      pattern: "^(management|(harvester|workload)/[a-z0-9.-]{1,253}/[a-z0-9.-]{1,253})$",
    })
    .optional(),
});

/** `EventInjection.spec`. */
const eventInjectionSpecSchema = z.looseObject({
  type: z.string().meta({
    description: "Type of the event, of the catalogue; `dev.capfn.` may be left out.",
    examples: ["machine.changed"],
    pattern: "^[a-z0-9]+(\\.[a-z0-9]+)+$",
    maxLength: 128,
  }),
  target: targetSchema.meta({ description: "The object the event is about." }),
  data: z
    .record(z.string(), z.string())
    .meta({
      description: "Data of the event. Nobody believes it: who is woken looks at the object itself.",
      examples: [{ name: "shop-md-0-x7k2p" }],
    })
    .optional(),
});

/** `EventInjection.status`. */
const eventInjectionStatusSchema = z.looseObject({
  observedGeneration: z
    .int()
    .meta({ description: "The `metadata.generation` that was looked at.", examples: [1], format: "int64" })
    .optional(),
  takenAt: z
    .string()
    .meta({
      description: "When the event was handed to the hub, RFC 3339. Absent when it was refused.",
      examples: ["2026-11-21T10:37:08Z"],
      format: "date-time",
    })
    .optional(),
  conditions: conditionsSchema.optional(),
});

/** An EventInjection as the API server answers. Unknown fields are kept. */
export const eventInjectionSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("EventInjection"),
  metadata: namespacedMetaSchema,
  spec: eventInjectionSpecSchema.meta({
    description: "The event. It happens once: create another object for another event.",
    "x-kubernetes-validations": [
      { rule: "self == oldSelf", message: "an injection happens once; create another one" },
    ],
  }),
  status: eventInjectionStatusSchema.meta({ description: "Whether it happened." }).optional(),
});
