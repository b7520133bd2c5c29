import * as z from "zod";
import { clusters, machines } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** Annotations of the Cluster API contract that stop us (paused, externally managed, moved away). */
export const contractAnnotationsSchema = z
  .object({
    "cluster.x-k8s.io/paused": z.string().optional(),
    "cluster.x-k8s.io/managed-by": z.string().optional(),
    "clusterctl.cluster.x-k8s.io/delete-for-move": z.string().optional(),
    "clusterctl.cluster.x-k8s.io/block-move": z.string().optional(),
  })
  .prefault({});

/** What we look at of a Cluster (cluster.x-k8s.io/v1beta2). */
const clusterSchema = z.object({
  metadata: z.object({ annotations: contractAnnotationsSchema }).default({ annotations: {} }),
  spec: z
    .object({
      paused: z.boolean().optional(),
      infrastructureRef: z
        .object({ kind: z.string(), name: z.string(), apiGroup: z.string().optional() })
        .optional(),
    })
    .prefault({}),
  status: z
    .object({ initialization: z.object({ infrastructureProvisioned: z.boolean().optional() }).optional() })
    .prefault({}),
});

export type Cluster = z.infer<typeof clusterSchema>;

export const clusterView: ResourceView<Cluster> = { type: clusters, schema: clusterSchema };

/** What we look at of a Machine (cluster.x-k8s.io/v1beta2). */
const machineSchema = z.object({
  metadata: z
    .object({ labels: z.record(z.string(), z.string()).prefault({}), annotations: contractAnnotationsSchema })
    .default({ labels: {}, annotations: {} }),
  spec: z.object({
    clusterName: z.string(),
    failureDomain: z.string().optional(),
    bootstrap: z.object({ dataSecretName: z.string().optional() }).prefault({}),
  }),
});

export type Machine = z.infer<typeof machineSchema>;

export const machineView: ResourceView<Machine> = { type: machines, schema: machineSchema };
