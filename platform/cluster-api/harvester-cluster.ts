import * as z from "zod";
import { harvesterClusterSpecSchema, harvesterClusterStatusSchema } from "#api/harvester-cluster.ts";
import { CERTIFICATES_ANNOTATION } from "#platform/cluster-api/certificate-record.ts";
import { contractAnnotationsSchema } from "#platform/cluster-api/cluster.ts";
import { harvesterClusters } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What we look at of our own HarvesterCluster. */
const harvesterClusterViewSchema = z.object({
  metadata: z
    .object({
      annotations: z
        .object({
          ...contractAnnotationsSchema.unwrap().shape,
          "capfn.dev/look-at": z.string().optional(),
          [CERTIFICATES_ANNOTATION]: z.string().optional(),
        })
        .prefault({}),
      finalizers: z.array(z.string()).default([]),
      ownerReferences: z.array(z.object({ kind: z.string(), name: z.string(), uid: z.string() })).default([]),
    })
    .prefault({}),
  spec: harvesterClusterSpecSchema,
  status: harvesterClusterStatusSchema.prefault({}),
});

export type HarvesterClusterBody = z.infer<typeof harvesterClusterViewSchema>;

export const harvesterClusterView: ResourceView<HarvesterClusterBody> = {
  type: harvesterClusters,
  schema: harvesterClusterViewSchema,
};
