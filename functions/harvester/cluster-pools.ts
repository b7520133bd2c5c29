import { clusterConditions } from "#api/condition-names.ts";
import { claimOn, loadBalancerPoolName, vmPoolName, type Claim } from "#functions/harvester/cluster-names.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * Whose a pool under one of the names of the cluster's own pools is. By the label, which is written together with the pool, so that no lost
 * answer can lose it. One of the Go provider carries none and is the cluster's when the status says that it was made for it.
 */
export function poolClaim(pool: Seen<IpPool>, own: Seen<HarvesterClusterBody>): Claim {
  const claim = claimOn(pool, own);
  if (claim !== "unclaimed") return claim;
  const made =
    pool.meta.name === loadBalancerPoolName(own)
      ? clusterConditions.CustomIPPoolCreated
      : pool.meta.name === vmPoolName(own)
        ? clusterConditions.VMIPPoolCreatedByController
        : undefined;
  const says = made !== undefined && findCondition(own.status.conditions, made)?.status === "True";
  return says ? "ours" : "unclaimed";
}
