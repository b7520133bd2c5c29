import * as z from "zod";

import { controlPlaneEndpointSchema } from "#api/harvester-cluster.ts";
import { namespacedMetaSchema } from "#api/object-meta.ts";

const contractReferenceSchema = z.looseObject({
  apiGroup: z.string().optional(),
  kind: z.string(),
  name: z.string(),
});

/** The fields of a Cluster (`cluster.x-k8s.io/v1beta2`) that functions read. Everything else is kept. */
export const clusterSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("Cluster"),
  metadata: namespacedMetaSchema,
  spec: z
    .looseObject({
      paused: z.boolean().optional(),
      infrastructureRef: contractReferenceSchema.optional(),
      controlPlaneRef: contractReferenceSchema.optional(),
      controlPlaneEndpoint: controlPlaneEndpointSchema.optional(),
    })
    .optional(),
  status: z
    .looseObject({
      phase: z.string().optional(),
      initialization: z
        .looseObject({
          infrastructureProvisioned: z.boolean().optional(),
          controlPlaneInitialized: z.boolean().optional(),
        })
        .optional(),
    })
    .optional(),
});

export type Cluster = z.infer<typeof clusterSchema>;

/** The fields of a Machine (`cluster.x-k8s.io/v1beta2`) that functions read. Everything else is kept. */
export const machineSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("Machine"),
  metadata: namespacedMetaSchema,
  spec: z.looseObject({
    clusterName: z.string(),
    bootstrap: z
      .looseObject({
        /** Secret with the bootstrap data, in the Machine's namespace. Absent: no VM may be created yet. */
        dataSecretName: z.string().optional(),
        configRef: contractReferenceSchema.optional(),
      })
      .optional(),
    infrastructureRef: contractReferenceSchema,
    failureDomain: z.string().optional(),
    providerID: z.string().optional(),
    version: z.string().optional(),
  }),
  status: z
    .looseObject({
      phase: z.string().optional(),
      nodeRef: z.looseObject({ name: z.string() }).optional(),
      initialization: z
        .looseObject({
          infrastructureProvisioned: z.boolean().optional(),
          bootstrapDataSecretCreated: z.boolean().optional(),
        })
        .optional(),
    })
    .optional(),
});

export type Machine = z.infer<typeof machineSchema>;
