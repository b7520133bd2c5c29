import { capfnGroup, poolFinalizer } from "#api/names.ts";
import { poolConditions, poolReasons } from "#api/condition-names.ts";
import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { identityOfPool, ipPoolRef } from "#functions/harvester/claim-scope.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import { sameConditions, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import {
  harvesterIpPoolView,
  ipAddressClaimView,
  poolIndexValue,
  type HarvesterIpPool,
  type IpAddressClaim,
} from "#platform/cluster-api/ipam.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { harvesterIpPools } from "#platform/kube/resources.ts";
import { harvesterConnection, MANAGEMENT, type Seen } from "#platform/kube/view.ts";

interface PoolScope {
  readonly connection: Seen<ConnectionState> | undefined;
  readonly ipPool: Seen<IpPool> | undefined;
  /** Claims that name the pool. */
  readonly claims: readonly Seen<IpAddressClaim>[];
}

export type PoolView = View<HarvesterIpPool, PoolScope>;

/** That a pool is there is what makes claims to be watched at all. */
export const poolScope = relations(harvesterIpPoolView)
  .one(
    "connection",
    connectionStateView,
    (own) => connectionStateRef(harvesterConnection(identityOfPool(own))),
    { optional: true },
  )
  .one("ipPool", ipPoolView, (own) => ipPoolRef(own), { optional: true, wake: "places" })
  .matching(
    "claims",
    ipAddressClaimView,
    ({ meta }) => [
      {
        connection: MANAGEMENT,
        namespace: meta.namespace,
        index: "pool",
        value: poolIndexValue(meta.namespace, {
          apiGroup: capfnGroup,
          kind: harvesterIpPools.kind,
          name: meta.name,
        }),
      },
    ],
    { optional: true, wake: "membership" },
  );

/** Whether the pool may go: it is being deleted, we hold it, and no claim names it any more. */
export function mayGo({ object, related, unknown }: PoolView): boolean {
  return (
    object.meta.deletionTimestamp !== undefined &&
    object.metadata.finalizers.includes(poolFinalizer) &&
    !unknown.includes("claims") &&
    related.claims.length === 0
  );
}

/** The condition as it has to be; undefined while it is so, or nothing is known. */
export function wantedCondition(view: PoolView): WantedCondition | undefined {
  const found = judged(view);
  if (found === undefined) return undefined;
  const { generation } = view.object.meta;
  const wanted = {
    type: poolConditions.Ready,
    ...found,
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  return sameConditions(view.object.status.conditions, [wanted]) ? undefined : wanted;
}

function judged({
  object,
  related,
  unknown,
}: PoolView): Pick<WantedCondition, "status" | "reason" | "message"> | undefined {
  const { connection, ipPool } = related;
  const no = (reason: string, message: string) => ({ status: "False" as const, reason, message });
  if (connection?.state === "failed")
    return no(poolReasons.HarvesterUnreachable, connection.message ?? "there is no connection to Harvester");
  if (unknown.includes("ipPool")) return undefined;
  if (ipPool === undefined || ipPool.meta.deletionTimestamp !== undefined) {
    const message = `IPPool ${object.spec.ipPool} does not exist on Harvester; create it, or make another HarvesterIPPool`;
    return no(poolReasons.IPPoolNotFound, message);
  }
  const read = ipPool.summary.ranges;
  return "problem" in read
    ? no(poolReasons.IPPoolMalformed, `${read.problem.field} ${read.problem.message}`)
    : { status: "True", reason: poolReasons.Ready, message: "" };
}
