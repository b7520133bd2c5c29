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

/**
 * Set, to whatever value, on a Machine or Cluster that people work on: it is not remediated. The value may say who works on it, and why.
 */
export const MAINTENANCE_ANNOTATION = "capfn.dev/maintenance";

/** What we look at of a Cluster (cluster.x-k8s.io/v1beta2). */
const clusterSchema = z.object({
  metadata: z
    .object({
      annotations: z
        .object({
          ...contractAnnotationsSchema.unwrap().shape,
          [MAINTENANCE_ANNOTATION]: z.string().optional(),
        })
        .prefault({}),
    })
    .prefault({}),
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

const healthCheckSchema = z.object({ status: z.string(), reason: z.string().default("") });

/** What we look at of a Machine (cluster.x-k8s.io/v1beta2). */
const machineSchema = z.object({
  metadata: z
    .object({
      labels: z.record(z.string(), z.string()).prefault({}),
      annotations: z
        .object({
          ...contractAnnotationsSchema.unwrap().shape,
          [MAINTENANCE_ANNOTATION]: z.string().optional(),
          "cluster.x-k8s.io/skip-remediation": z.string().optional(),
        })
        .prefault({}),
      ownerReferences: z
        .array(z.object({ kind: z.string(), name: z.string(), controller: z.boolean().optional() }))
        .default([]),
    })
    .prefault({}),
  spec: z.object({
    clusterName: z.string(),
    failureDomain: z.string().optional(),
    providerID: z.string().optional(),
    bootstrap: z.object({ dataSecretName: z.string().optional() }).prefault({}),
    infrastructureRef: z.object({ kind: z.string(), name: z.string() }).optional(),
  }),
  status: z
    .object({
      nodeRef: z.object({ name: z.string() }).optional(),
      addresses: z.array(z.object({ address: z.string() })).default([]),
      /** Of all conditions only what a MachineHealthCheck says. */
      conditions: z
        .array(z.looseObject({ type: z.string() }))
        .transform((all) =>
          all.flatMap((each) => {
            const check = healthCheckSchema.safeParse(each).data;
            return each.type === "HealthCheckSucceeded" && check !== undefined
              ? [{ type: each.type, ...check }]
              : [];
          }),
        )
        .prefault([]),
    })
    .prefault({}),
});

export type Machine = z.infer<typeof machineSchema>;

/** A Machine is found by its Cluster (`<namespace>/<name>`), and by what an alert may know of it. */
export const machineView: ResourceView<Machine> = {
  type: machines,
  schema: machineSchema,
  indexes: ({ meta, spec, status }) => ({
    cluster: [`${meta.namespace ?? ""}/${spec.clusterName}`],
    name: [meta.name],
    providerID: spec.providerID === undefined ? [] : [spec.providerID],
    node: status.nodeRef === undefined ? [] : [status.nodeRef.name],
    address: [...new Set(status.addresses.map(({ address }) => address))],
  }),
};
