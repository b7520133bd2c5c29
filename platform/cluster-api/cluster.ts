import * as z from "zod";
import { controlPlaneLabel } from "#api/names.ts";
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

/** Annotations of a Cluster that ask for snapshots of its etcd, and tell when the last one was taken. */
export const snapshotAnnotations = {
  every: "capfn.dev/etcd-snapshot-every",
  keep: "capfn.dev/etcd-snapshot-keep",
  taken: "capfn.dev/etcd-snapshot-taken",
} as const;

/** Annotation of a Cluster whose etcd has run out of space: make room. Its value is the reason, for people; taken off when it is done. */
export const RELIEVE_ANNOTATION = "capfn.dev/etcd-relieve";

/** Annotation of a Cluster: with `true`, certificate requests of its kubelets that fit their Machines are approved. */
export const APPROVE_ANNOTATION = "capfn.dev/approve-kubelet-certificates";

/**
 * Annotation of a Cluster: `ssh` lets certificates on its machines be renewed there, over SSH; `rollout` lets its KubeadmControlPlane be told to
 * replace the machines.
 */
export const RENEW_ANNOTATION = "capfn.dev/renew-node-certificates";

/** Annotation of a Machine: what its servers were last seen to show. Written by us. */
export const NODE_CERTIFICATES_ANNOTATION = "capfn.dev/certificates";

/**
 * Annotation of a Cluster that says how its etcd is reached: `ssh`, over SSH on the machines themselves; left out, from our own network with the
 * authority in the Secret `<cluster>-etcd`.
 */
export const ETCD_ACCESS_ANNOTATION = "capfn.dev/etcd-access";

/** Label of a Cluster: with `true`, Rancher is to import it (Rancher Turtles). */
export const RANCHER_IMPORT_LABEL = "cluster-api.cattle.io/rancher-auto-import";

/** Labels of a Cluster by which Fleet is told what to deploy to it. */
export const FLEET_LABELS = ["cni", "csi", "cloud-config"] as const;

/** What we look at of a Cluster (cluster.x-k8s.io/v1beta2). */
const clusterSchema = z.object({
  metadata: z
    .object({
      labels: z
        .object({
          [RANCHER_IMPORT_LABEL]: z.string().exactOptional(),
          cni: z.string().exactOptional(),
          csi: z.string().exactOptional(),
          "cloud-config": z.string().exactOptional(),
        })
        .prefault({}),
      annotations: z
        .object({
          ...contractAnnotationsSchema.unwrap().shape,
          [MAINTENANCE_ANNOTATION]: z.string().optional(),
          [snapshotAnnotations.every]: z.string().optional(),
          [snapshotAnnotations.keep]: z.string().optional(),
          [snapshotAnnotations.taken]: z.string().optional(),
          [RELIEVE_ANNOTATION]: z.string().optional(),
          [APPROVE_ANNOTATION]: z.string().optional(),
          [RENEW_ANNOTATION]: z.string().optional(),
          [ETCD_ACCESS_ANNOTATION]: z.string().optional(),
          "capfn.dev/look-at": z.string().optional(),
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

/** Annotation that holds back the end of a control plane Machine until its etcd member is removed (Cluster API, "Machine deletion phase hooks"). */
export const ETCD_HOOK_ANNOTATION = "pre-terminate.delete.hook.machine.cluster.x-k8s.io/capfn-etcd";

/** Hooks of the control plane providers that remove etcd members themselves: KubeadmControlPlane and RKE2ControlPlane. */
export const MEMBER_CLEANUP_HOOKS = [
  "pre-terminate.delete.hook.machine.cluster.x-k8s.io/kcp-cleanup",
  "pre-terminate.delete.hook.machine.cluster.x-k8s.io/rke2-cleanup",
] as const;

/** Condition of a Machine that says why its etcd member is still there. */
export const ETCD_CONDITION = "EtcdMemberRemoved";

/** Condition of a Machine in which a MachineHealthCheck says how it is. */
export const HEALTH_CONDITION = "HealthCheckSucceeded";

/** Condition of a Machine in which its owner is asked to replace it (`False`), and says what came of that. */
export const OWNER_REMEDIATED_CONDITION = "OwnerRemediated";

/** Conditions of a Machine we look at; their messages change too often to be held. */
const watchedConditions: readonly string[] = [
  "Deleting",
  ETCD_CONDITION,
  HEALTH_CONDITION,
  OWNER_REMEDIATED_CONDITION,
];

const machineConditionSchema = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(""),
});

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
          [ETCD_HOOK_ANNOTATION]: z.string().optional(),
          [MEMBER_CLEANUP_HOOKS[0]]: z.string().optional(),
          [MEMBER_CLEANUP_HOOKS[1]]: z.string().optional(),
          [NODE_CERTIFICATES_ANNOTATION]: z.string().optional(),
          "capfn.dev/look-at": z.string().optional(),
        })
        .prefault({}),
      ownerReferences: z
        .array(
          z.object({
            apiVersion: z.string(),
            kind: z.string(),
            name: z.string().optional(),
            controller: z.boolean().optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
  spec: z.object({
    clusterName: z.string(),
    failureDomain: z.string().optional(),
    providerID: z.string().optional(),
    bootstrap: z
      .object({
        dataSecretName: z.string().optional(),
        configRef: z.object({ kind: z.string() }).optional(),
      })
      .prefault({}),
    infrastructureRef: z
      .object({ kind: z.string(), name: z.string(), apiGroup: z.string().optional() })
      .optional(),
  }),
  status: z
    .object({
      nodeRef: z.object({ name: z.string() }).optional(),
      addresses: z.array(z.object({ type: z.string(), address: z.string() })).default([]),
      conditions: z
        .array(machineConditionSchema)
        .default([])
        .transform((all) => all.filter(({ type }) => watchedConditions.includes(type))),
    })
    .prefault({}),
});

export type Machine = z.infer<typeof machineSchema>;

/** Kind of the control plane provider that owns the Machine, such as `KubeadmControlPlane`; undefined when another or nobody does. */
export function controlPlaneProvider({ metadata }: Pick<Machine, "metadata">): string | undefined {
  return metadata.ownerReferences.find(
    ({ apiVersion, controller }) =>
      controller === true && apiVersion.startsWith("controlplane.cluster.x-k8s.io/"),
  )?.kind;
}

/** A Machine is found by its Cluster (`<namespace>/<name>`), one of a control plane also by that name alone, and by what an alert may know of it. */
export const machineView: ResourceView<Machine> = {
  type: machines,
  schema: machineSchema,
  indexes: ({ meta, metadata, spec, status }) => ({
    cluster: [`${meta.namespace ?? ""}/${spec.clusterName}`],
    controlPlaneOf: controlPlaneLabel in metadata.labels ? [spec.clusterName] : [],
    name: [meta.name],
    providerID: spec.providerID === undefined ? [] : [spec.providerID],
    node: status.nodeRef === undefined ? [] : [status.nodeRef.name],
    address: [...new Set(status.addresses.map(({ address }) => address))],
  }),
};
