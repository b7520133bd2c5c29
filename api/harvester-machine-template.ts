import * as z from "zod";

import { harvesterMachineSpecSchema } from "#api/harvester-machine.ts";
import { namespacedMetaSchema, templateMetaSchema } from "#api/object-meta.ts";

/** `HarvesterMachineTemplate.spec`. A ClusterClass patches templates, so their values may be placeholders. */
export const harvesterMachineTemplateSpecSchema = z.looseObject({
  template: z
    .looseObject({
      metadata: templateMetaSchema.optional(),
      spec: harvesterMachineSpecSchema.meta({
        description: "The `spec` of the HarvesterMachines made from the template.",
      }),
    })
    .meta({ description: "What HarvesterMachines are made from." })
    .optional(),
});

/** A HarvesterMachineTemplate as the API server answers, in any served version. Unknown fields are kept. */
export const harvesterMachineTemplateSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("HarvesterMachineTemplate"),
  metadata: namespacedMetaSchema,
  spec: harvesterMachineTemplateSpecSchema.meta({ description: "The template." }).optional(),
});

export type HarvesterMachineTemplate = z.infer<typeof harvesterMachineTemplateSchema>;
