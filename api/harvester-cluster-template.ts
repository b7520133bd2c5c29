import * as z from "zod";

import { harvesterClusterSpecSchema } from "#api/harvester-cluster.ts";
import { namespacedMetaSchema, templateMetaSchema } from "#api/object-meta.ts";

/** `HarvesterClusterTemplate.spec`. A ClusterClass patches templates, so their values may be placeholders. */
export const harvesterClusterTemplateSpecSchema = z.looseObject({
  template: z
    .looseObject({
      metadata: templateMetaSchema.optional(),
      spec: harvesterClusterSpecSchema.meta({
        description: "The `spec` of the HarvesterClusters made from the template.",
      }),
    })
    .meta({ description: "What HarvesterClusters are made from." }),
});

/** A HarvesterClusterTemplate as the API server answers, in any served version. Unknown fields are kept. */
export const harvesterClusterTemplateSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("HarvesterClusterTemplate"),
  metadata: namespacedMetaSchema,
  spec: harvesterClusterTemplateSpecSchema.meta({ description: "The template." }).optional(),
});

export type HarvesterClusterTemplate = z.infer<typeof harvesterClusterTemplateSchema>;
