import * as z from "zod";

/**
 * One `metav1.Condition` (Kubernetes API conventions, "Typical status properties"). Patterns and lengths are enforced by the API
 * server; reading does not repeat them, so that an odd condition never hides an object.
 */
export const conditionSchema = z
  .looseObject({
    type: z.string().meta({
      description: "What the condition is about, in CamelCase or as `domain/CamelCase`.",
      examples: ["VMProvisioningReady"],
      maxLength: 316,
      pattern:
        "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
    }),
    status: z.enum(["True", "False", "Unknown"]).meta({
      description: "Whether it holds. `Unknown` when it was not evaluated.",
      examples: ["True"],
    }),
    reason: z.string().meta({
      description: "Why, as one CamelCase word a program can test.",
      examples: ["VMProvisioningInProgress"],
      minLength: 1,
      maxLength: 1024,
      pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
    }),
    message: z.string().meta({
      description: "Why, for a person. May be empty.",
      examples: ["the VM has no address yet"],
      maxLength: 32768,
    }),
    lastTransitionTime: z.string().meta({
      description: "When `status` last changed, RFC 3339.",
      examples: ["2026-11-21T10:37:08Z"],
      format: "date-time",
    }),
    observedGeneration: z
      .int()
      .meta({
        description:
          "The `metadata.generation` that was evaluated; older than the current one means out of date.",
        examples: [3],
        format: "int64",
        minimum: 0,
      })
      .optional(),
  })
  .meta({ description: "One observation of the object." });

export type Condition = z.infer<typeof conditionSchema>;

/** `status.conditions`: one entry a type. */
export const conditionsSchema = z.array(conditionSchema).meta({
  description: "Observations of the object, one per type.",
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["type"],
});
