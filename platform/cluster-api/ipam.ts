import * as z from "zod";
import { conditionSchema } from "#api/condition.ts";
import { clusterNameLabel, ownerUidLabel } from "#api/names.ts";
import { harvesterIpPoolSpecSchema, harvesterIpPoolStatusSchema } from "#api/harvester-ip-pool.ts";
import { ABANDON_ANNOTATION, IDENTITY_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import { harvesterIpPools, ipAddressClaims, ipAddresses } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

const poolRefSchema = z.object({ apiGroup: z.string(), kind: z.string(), name: z.string() });

export type PoolRef = z.infer<typeof poolRefSchema>;

/** What we look at of an IPAddressClaim (ipam.cluster.x-k8s.io/v1beta2), whoever made it and whoever serves it. */
const ipAddressClaimSchema = z.object({
  metadata: z
    .object({
      labels: z
        .object({ [clusterNameLabel]: z.string().optional(), [ownerUidLabel]: z.string().optional() })
        .prefault({}),
      annotations: z
        .object({
          "cluster.x-k8s.io/paused": z.string().optional(),
          "clusterctl.cluster.x-k8s.io/delete-for-move": z.string().optional(),
          [IDENTITY_ANNOTATION]: z.string().optional(),
          [ABANDON_ANNOTATION]: z.string().optional(),
          "capfn.dev/look-at": z.string().optional(),
        })
        .prefault({}),
      finalizers: z.array(z.string()).default([]),
    })
    .prefault({}),
  spec: z.object({ clusterName: z.string().optional(), poolRef: poolRefSchema }),
  status: z
    .object({
      addressRef: z.object({ name: z.string() }).optional(),
      conditions: z.array(conditionSchema).default([]),
    })
    .prefault({}),
});

export type IpAddressClaim = z.infer<typeof ipAddressClaimSchema>;

/** A claim is found by the pool it names, `<namespace>/<group>/<kind>/<name>`. */
export const ipAddressClaimView: ResourceView<IpAddressClaim> = {
  type: ipAddressClaims,
  schema: ipAddressClaimSchema,
  mayBeMissing: true,
  indexes: ({ meta, spec: { poolRef } }) => ({ pool: [poolIndexValue(meta.namespace, poolRef)] }),
};

/** See {@link ipAddressClaimView}. */
export function poolIndexValue(namespace: string | undefined, { apiGroup, kind, name }: PoolRef): string {
  return [namespace ?? "", apiGroup, kind, name].join("/");
}

/** The Cluster a claim belongs to: by its spec, else by the label (Cluster API contract, IPAM provider; the label is deprecated). */
export function clusterOfClaim({
  spec,
  metadata,
}: Pick<IpAddressClaim, "spec" | "metadata">): string | undefined {
  return spec.clusterName ?? metadata.labels[clusterNameLabel];
}

/** What we look at of an IPAddress (ipam.cluster.x-k8s.io/v1beta2). */
const ipAddressSchema = z.object({
  metadata: z
    .object({
      finalizers: z.array(z.string()).default([]),
      ownerReferences: z
        .array(
          z.object({
            kind: z.string(),
            name: z.string(),
            uid: z.string(),
            controller: z.boolean().optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
  spec: z.object({
    claimRef: z.object({ name: z.string() }),
    poolRef: poolRefSchema,
    address: z.string(),
    prefix: z.number(),
    gateway: z.string().optional(),
  }),
});

export type ClaimedAddress = z.infer<typeof ipAddressSchema>;

export const ipAddressView: ResourceView<ClaimedAddress> = {
  type: ipAddresses,
  schema: ipAddressSchema,
  mayBeMissing: true,
};

/** What we look at of a HarvesterIPPool. */
const harvesterIpPoolViewSchema = z.object({
  metadata: z
    .object({
      annotations: z
        .object({
          [ABANDON_ANNOTATION]: z.string().optional(),
          "capfn.dev/look-at": z.string().optional(),
        })
        .prefault({}),
      finalizers: z.array(z.string()).default([]),
    })
    .prefault({}),
  spec: harvesterIpPoolSpecSchema,
  status: harvesterIpPoolStatusSchema.prefault({}),
});

export type HarvesterIpPool = z.infer<typeof harvesterIpPoolViewSchema>;

export const harvesterIpPoolView: ResourceView<HarvesterIpPool> = {
  type: harvesterIpPools,
  schema: harvesterIpPoolViewSchema,
};
