import * as z from "zod";
import { harvesterMachineTemplateStatusSchema } from "#api/harvester-machine-template.ts";
import { contractAnnotationsSchema } from "#platform/cluster-api/cluster.ts";
import { harvesterMachineTemplates } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

const archLabels = z.object({ "kubernetes.io/arch": z.string().optional() });

/** What we look at of a HarvesterMachineTemplate: the size of its machines, and whether its Cluster is paused. */
const harvesterMachineTemplateViewSchema = z.object({
  metadata: z
    .object({
      labels: z
        .object({ "cluster.x-k8s.io/cluster-name": z.string().optional(), ...archLabels.shape })
        .prefault({}),
      annotations: contractAnnotationsSchema,
      ownerReferences: z.array(z.object({ kind: z.string(), name: z.string() })).default([]),
    })
    .prefault({}),
  spec: z
    .object({
      template: z
        .object({
          metadata: z.object({ labels: archLabels.prefault({}) }).prefault({}),
          spec: z.object({ cpu: z.number().optional(), memory: z.string().optional() }).prefault({}),
        })
        .prefault({}),
    })
    .prefault({}),
  status: harvesterMachineTemplateStatusSchema
    .pick({ capacity: true, nodeInfo: true, conditions: true })
    .prefault({}),
});

export type HarvesterMachineTemplateBody = z.infer<typeof harvesterMachineTemplateViewSchema>;

export const harvesterMachineTemplateView: ResourceView<HarvesterMachineTemplateBody> = {
  type: harvesterMachineTemplates,
  schema: harvesterMachineTemplateViewSchema,
};
