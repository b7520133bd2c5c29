import * as z from "zod";

import { conditionsSchema } from "#api/condition.ts";
import { namespacedMetaSchema } from "#api/object-meta.ts";

/**
 * `HarvesterIPPool.spec`. Secret and pool are named, not a HarvesterCluster: a pool serves the claims of many clusters, and must not lose its way to
 * Harvester when one of them goes. The Secret is one of the pool's own namespace, so that the right to make a pool is no right over the credentials
 * of others.
 */
export const harvesterIpPoolSpecSchema = z.looseObject({
  identitySecret: z
    .looseObject({
      name: z.string().meta({
        description: "Name of the Secret.",
        examples: ["harvester-identity"],
        minLength: 1,
        maxLength: 253,
      }),
    })
    .meta({
      description:
        "Secret of the same namespace with the kubeconfig of Harvester under the key `kubeconfig`.",
    }),
  ipPool: z.string().meta({
    description: "Name of the IPPool on Harvester whose addresses are given out.",
    examples: ["rack-1"],
    minLength: 1,
    maxLength: 253,
  }),
});

export type HarvesterIpPoolSpec = z.infer<typeof harvesterIpPoolSpecSchema>;

/** `HarvesterIPPool.status`. */
export const harvesterIpPoolStatusSchema = z.looseObject({
  observedGeneration: z
    .int()
    .meta({ description: "The `metadata.generation` the status is about.", examples: [1], format: "int64" })
    .optional(),
  conditions: conditionsSchema.optional(),
});

/** A HarvesterIPPool as the API server answers. Unknown fields are kept. */
export const harvesterIpPoolSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("HarvesterIPPool"),
  metadata: namespacedMetaSchema,
  spec: harvesterIpPoolSpecSchema.meta({
    description: "Where the addresses are. It does not change: those given out are there.",
    "x-kubernetes-validations": [
      { rule: "self == oldSelf", message: "addresses may be given out; make another pool" },
    ],
  }),
  status: harvesterIpPoolStatusSchema.meta({ description: "Whether addresses can be given out." }).optional(),
});
