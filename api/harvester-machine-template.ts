import * as z from "zod";

import { conditionsSchema } from "#api/condition.ts";
import { harvesterMachineSpecSchema } from "#api/harvester-machine.ts";
import { namespacedMetaSchema, templateMetaSchema } from "#api/object-meta.ts";
import { quantitySchema } from "#api/quantity.ts";

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

/**
 * `HarvesterMachineTemplate.status`: what a node made from the template will have, for an autoscaler that starts a group of nodes from none
 * (contract of Cluster API, InfraMachineTemplate: support for cluster autoscaling from zero).
 */
export const harvesterMachineTemplateStatusSchema = z.looseObject({
  capacity: z
    .record(z.string(), quantitySchema)
    .meta({
      description: "Written by capfn: `cpu` and `memory` of the machines. Other keys are left alone.",
      examples: [{ cpu: "4", memory: "8Gi" }],
      addition: true,
    })
    .optional(),
  nodeInfo: z
    .looseObject({
      architecture: z
        .enum(["amd64", "arm64", "s390x", "ppc64le"])
        .meta({
          description:
            "Written by capfn: the label `kubernetes.io/arch` in `spec.template.metadata` or on the template, else `amd64`.",
          examples: ["amd64"],
          addition: true,
        })
        .optional(),
      operatingSystem: z
        .string()
        .meta({ description: "Written by capfn: `linux`.", examples: ["linux"], addition: true })
        .optional(),
    })
    .meta({ description: "What a node made from the template will say of itself.", addition: true })
    .optional(),
  conditions: conditionsSchema.optional(),
});

/** A HarvesterMachineTemplate as the API server answers, in any served version. Unknown fields are kept. */
export const harvesterMachineTemplateSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("HarvesterMachineTemplate"),
  metadata: namespacedMetaSchema,
  spec: harvesterMachineTemplateSpecSchema.meta({ description: "The template." }).optional(),
  status: harvesterMachineTemplateStatusSchema
    .meta({ description: "What is known of the machines before there is one.", addition: true })
    .optional(),
});

export type HarvesterMachineTemplate = z.infer<typeof harvesterMachineTemplateSchema>;
