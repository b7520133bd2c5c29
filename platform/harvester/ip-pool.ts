import * as z from "zod";
import { PoolSummary } from "#platform/harvester/ip-pool-summary.ts";
import { ipPools } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What we look at of a Harvester IPPool (loadbalancer.harvesterhci.io/v1beta1). Cluster-scoped; it has no status subresource. */
const bodySchema = z.object({
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
export type IpPoolBody = z.infer<typeof bodySchema>;

const ipPoolSchema = bodySchema.transform((pool) => ({ ...pool, summary: new PoolSummary(pool) }));

export type IpPool = z.infer<typeof ipPoolSchema>;

export const ipPoolView: ResourceView<IpPool> = {
  type: ipPools,
  schema: ipPoolSchema,
  indexes: (pool) => ({ holder: Object.values(pool.status.allocated) }),
  places: ({ meta, summary }) =>
    meta.deletionTimestamp === undefined
      ? { free: summary.free, terms: summary.terms }
      : { free: 0, terms: `deleted ${summary.terms}` },
};
