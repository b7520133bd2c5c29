import type * as z from "zod";
import { ipPoolBodySchema } from "#platform/harvester/ip-pool-body.ts";
import { PoolSummary } from "#platform/harvester/ip-pool-summary.ts";
import { ipPools } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

const ipPoolSchema = ipPoolBodySchema.transform((pool) => ({ ...pool, summary: new PoolSummary(pool) }));

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
