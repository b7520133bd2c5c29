import type { View } from "#functions/contract/function.ts";
import { gate } from "#functions/harvester/gates.ts";
import { asks, claimRef, isOwnClaim } from "#functions/harvester/machine-claims.ts";
import type { HarvesterScope } from "#functions/harvester/machine-scope.ts";
import { effectiveNetwork } from "#functions/harvester/network-config.ts";
import { hadVm } from "#functions/harvester/ownership.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { IpAddressClaim, PoolRef } from "#platform/cluster-api/ipam.ts";
import type { Seen } from "#platform/kube/view.ts";

export type ClaimingView = View<HarvesterMachineBody, HarvesterScope>;

/** What stands between a machine and its claims. */
export interface ClaimPlan {
  /** Pools without a claim, with their places in the configuration. */
  readonly make: readonly { readonly index: number; readonly pool: PoolRef }[];
  /** Claims of ours that ask another pool, or that somebody deletes: they have to go before the right one can be made. */
  readonly withdraw: readonly Seen<IpAddressClaim>[];
  /** Claims of others under the machine's names. */
  readonly foreign: readonly Seen<IpAddressClaim>[];
}

/**
 * The pools the machine is to claim an address of; none unless it is about to be made, nothing of it is on Harvester, and all of that is known.
 */
export function poolsToClaim({ object, related, unknown }: ClaimingView): readonly PoolRef[] {
  const isKnown = unknown.every((name) => name === "claims" || name === "claimed");
  if (!isKnown || object.meta.deletionTimestamp !== undefined) return [];
  if (related.vm !== undefined || hadVm(object) || !gate({ object, related }).open) return [];
  const network = effectiveNetwork(object, related.harvesterCluster);
  return network.kind === "ipam" ? network.pools : [];
}

/** Pure; for the claims that are there. */
export function planClaims(view: ClaimingView): ClaimPlan {
  const { object, related } = view;
  const found = poolsToClaim(view).map((pool, index) => {
    const { name } = claimRef(object, index);
    return { pool, index, claim: related.claims.find(({ meta }) => meta.name === name) };
  });
  const claims = found.flatMap(({ claim, pool }) => (claim === undefined ? [] : [{ claim, pool }]));
  return {
    make: found.flatMap(({ claim, pool, index }) => (claim === undefined ? [{ pool, index }] : [])),
    foreign: claims.filter(({ claim }) => !isOwnClaim(claim, object)).map(({ claim }) => claim),
    withdraw: claims
      .filter(({ claim }) => isOwnClaim(claim, object))
      .filter(({ claim, pool }) => claim.meta.deletionTimestamp !== undefined || !asks(claim, pool))
      .map(({ claim }) => claim),
  };
}

/** Whether there is a step to do: a claim to make or to make way for, or nobody knows. */
export function needsClaiming(view: ClaimingView): boolean {
  if (poolsToClaim(view).length === 0) return false;
  if (view.unknown.includes("claims")) return true;
  const { make, withdraw, foreign } = planClaims(view);
  return make.length + withdraw.length + foreign.length > 0;
}
