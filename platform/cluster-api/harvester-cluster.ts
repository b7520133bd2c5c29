import * as z from "zod";
import { harvesterClusterSpecSchema, harvesterClusterStatusSchema } from "#api/harvester-cluster.ts";
import { CERTIFICATES_ANNOTATION } from "#platform/cluster-api/certificate-record.ts";
import { contractAnnotationsSchema } from "#platform/cluster-api/cluster.ts";
import { ABANDON_ANNOTATION, IDENTITY_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import { harvesterClusters } from "#platform/kube/resources.ts";
import type { ResourceView, Seen } from "#platform/kube/view.ts";

/**
 * Annotation of a HarvesterCluster whose control plane endpoint is the address of a load balancer of ours; its value is `load-balancer`. Without
 * it the endpoint is somebody else's, and there is no load balancer. Written together with the endpoint; survives `clusterctl move`.
 */
export const ENDPOINT_ANNOTATION = "capfn.dev/control-plane-endpoint";

/**
 * Annotation of a HarvesterCluster for which credentials of Harvester's cloud provider may exist, written before the first of them is made: what was made,
 * and where it was put (`readCloudMark`). Empty once all of it was taken back.
 */
export const CLOUD_CONFIG_ANNOTATION = "capfn.dev/cloud-config";

/** What we look at of our own HarvesterCluster. */
const harvesterClusterViewSchema = z.object({
  metadata: z
    .object({
      annotations: z
        .object({
          ...contractAnnotationsSchema.unwrap().shape,
          [IDENTITY_ANNOTATION]: z.string().optional(),
          [ABANDON_ANNOTATION]: z.string().optional(),
          [ENDPOINT_ANNOTATION]: z.string().optional(),
          [CLOUD_CONFIG_ANNOTATION]: z.string().optional(),
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

/**
 * The cluster's identity outside the management cluster: what is made for it on Harvester carries it. The uid it was first created with; a
 * copy made by `clusterctl move` or a restore keeps it, a namesake created anew does not.
 */
export function clusterIdentity(own: Seen<HarvesterClusterBody>): string {
  return own.metadata.annotations[IDENTITY_ANNOTATION] ?? own.meta.uid;
}
