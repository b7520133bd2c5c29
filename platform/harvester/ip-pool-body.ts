import * as z from "zod";
import { ownerUidLabel } from "#api/names.ts";

/**
 * Annotation of an IPPool: the management clusters whose machines take addresses from it, as uids of their namespaces `kube-system`,
 * separated by commas. Holder ids do not say which management cluster wrote them.
 */
export const USED_FROM_ANNOTATION = "capfn.dev/used-from";

/** What we look at of a Harvester IPPool (loadbalancer.harvesterhci.io/v1beta1). Cluster-scoped; it has no status subresource. */
export const ipPoolBodySchema = z.object({
  metadata: z
    .object({
      annotations: z.object({ [USED_FROM_ANNOTATION]: z.string().optional() }).prefault({}),
      /** Only on a pool that was made for a cluster. */
      labels: z.object({ [ownerUidLabel]: z.string().exactOptional() }).exactOptional(),
    })
    .prefault({}),
  spec: z.object({
    ranges: z
      .array(
        z.object({
          /** CIDR, e.g. `10.50.0.0/16`. */
          subnet: z.string(),
          gateway: z.string().optional(),
          rangeStart: z.string().optional(),
          rangeEnd: z.string().optional(),
        }),
      )
      .default([]),
    selector: z.object({ network: z.string().optional() }).prefault({}),
  }),
  status: z
    .object({
      total: z.number().optional(),
      available: z.number().optional(),
      lastAllocated: z.string().optional(),
      /** Address -> id of its holder. */
      allocated: z.record(z.string(), z.string()).prefault({}),
      /** Address -> id of its last holder; the Go provider leaves empty ids here. */
      allocatedHistory: z.record(z.string(), z.string()).prefault({}),
    })
    .default({ allocated: {}, allocatedHistory: {} }),
});

/** The pool itself, without what is derived from it. */
export type IpPoolBody = z.infer<typeof ipPoolBodySchema>;
