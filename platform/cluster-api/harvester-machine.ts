import * as z from "zod";
import { harvesterMachineSpecSchema, harvesterMachineStatusSchema } from "#api/harvester-machine.ts";
import { machineConditions, machineReasons } from "#api/condition-names.ts";
import { claimsAnnotation, watchFilterLabel } from "#api/names.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { contractAnnotationsSchema } from "#platform/cluster-api/cluster.ts";
import { DIAGNOSIS_ANNOTATION } from "#platform/cluster-api/diagnosis.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import type { ResourceView, Seen } from "#platform/kube/view.ts";

/** Annotation that holds the machine's identity on Harvester. Set together with the finalizer; survives `clusterctl move`. */
export const IDENTITY_ANNOTATION = "capfn.dev/identity";

/**
 * Annotation with which a person gives up what a deleted machine has on Harvester, when Harvester is gone for good. Its value is the reason;
 * blank counts as not given.
 */
export const ABANDON_ANNOTATION = "capfn.dev/abandon-external";

/** What we look at of our own HarvesterMachine: the spec whole, and the status we wrote. */
const harvesterMachineViewSchema = z.object({
  metadata: z
    .object({
      labels: z
        .object({
          "cluster.x-k8s.io/cluster-name": z.string().optional(),
          "cluster.x-k8s.io/control-plane": z.string().optional(),
          "cluster.x-k8s.io/deployment-name": z.string().optional(),
          "cluster.x-k8s.io/set-name": z.string().optional(),
          [watchFilterLabel]: z.string().optional(),
        })
        .prefault({}),
      annotations: z
        .object({
          ...contractAnnotationsSchema.unwrap().shape,
          [IDENTITY_ANNOTATION]: z.string().optional(),
          [ABANDON_ANNOTATION]: z.string().optional(),
          [DIAGNOSIS_ANNOTATION]: z.string().optional(),
          [claimsAnnotation]: z.string().optional(),
          "capfn.dev/look-at": z.string().optional(),
        })
        .prefault({}),
      finalizers: z.array(z.string()).default([]),
      ownerReferences: z.array(z.object({ kind: z.string(), name: z.string(), uid: z.string() })).default([]),
    })
    .prefault({}),
  spec: harvesterMachineSpecSchema,
  status: harvesterMachineStatusSchema.prefault({}),
});

export type HarvesterMachineBody = z.infer<typeof harvesterMachineViewSchema>;

export const harvesterMachineView: ResourceView<HarvesterMachineBody> = {
  type: harvesterMachines,
  schema: harvesterMachineViewSchema,
  indexes: (machine) => ({
    waitsForAddress: waitsForAddress(machine),
    cluster: clusterOf(machine),
    controlPlaneOf:
      machine.metadata.labels["cluster.x-k8s.io/control-plane"] === undefined ? [] : clusterOf(machine),
  }),
};

function clusterOf({ metadata }: HarvesterMachineBody): readonly string[] {
  const name = metadata.labels["cluster.x-k8s.io/cluster-name"];
  return name === undefined ? [] : [name];
}

/** The name of its Cluster, while every pool the machine may take an address from is exhausted. */
function waitsForAddress({ meta, metadata, status }: Seen<HarvesterMachineBody>): readonly string[] {
  const cluster = metadata.labels["cluster.x-k8s.io/cluster-name"];
  const allocated = findCondition(status.conditions, machineConditions.VMIPAllocated);
  const waits = allocated?.status === "False" && allocated.reason === machineReasons.VMIPPoolExhausted;
  return cluster !== undefined && waits && meta.deletionTimestamp === undefined ? [cluster] : [];
}

/**
 * The machine's identity outside the management cluster: labels on its VM, disks and Secret, and the holder id in an IPPool carry it. The uid
 * it was first created with; a copy made by `clusterctl move` or a restore keeps it, a namesake created anew does not.
 */
export function identityOf(machine: Seen<HarvesterMachineBody>): string {
  return machine.metadata.annotations[IDENTITY_ANNOTATION] ?? machine.meta.uid;
}
