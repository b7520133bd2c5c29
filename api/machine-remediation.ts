import * as z from "zod";

import { namespacedMetaSchema, templateMetaSchema } from "#api/object-meta.ts";
import { remediationPolicyFields, remediationStatusSchema } from "#api/remediation.ts";

/** `MachineRemediation.spec`, and what a MachineRemediationTemplate holds. */
const machineRemediationSpecSchema = z.looseObject(remediationPolicyFields);

/**
 * A MachineRemediation as the API server answers. A MachineHealthCheck makes it with the Machine's name and namespace, owned by the
 * Machine, and deletes it when the Machine is healthy again (Cluster API, "External remediation").
 */
export const machineRemediationSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("MachineRemediation"),
  metadata: namespacedMetaSchema,
  spec: machineRemediationSpecSchema.meta({ description: "What may be done." }).optional(),
  status: remediationStatusSchema.meta({ description: "What was done." }).optional(),
});

export type MachineRemediation = z.infer<typeof machineRemediationSchema>;

/** A MachineRemediationTemplate as the API server answers: what a MachineHealthCheck's `remediation.templateRef` names. */
export const machineRemediationTemplateSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("MachineRemediationTemplate"),
  metadata: namespacedMetaSchema,
  spec: z
    .looseObject({
      template: z
        .looseObject({
          metadata: templateMetaSchema.optional(),
          spec: machineRemediationSpecSchema
            .meta({ description: "The `spec` of the MachineRemediations made from the template." })
            .optional(),
        })
        .meta({ description: "What MachineRemediations are made from." }),
    })
    .meta({ description: "The template." }),
});

export type MachineRemediationTemplate = z.infer<typeof machineRemediationTemplateSchema>;
