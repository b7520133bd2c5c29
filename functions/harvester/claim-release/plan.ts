import { claimConditions, claimReasons } from "#api/condition-names.ts";
import { servedClaimFinalizer } from "#api/names.ts";
import { claimStop, isForUs, type ClaimScope, type ReleaseView } from "#functions/harvester/claim-scope.ts";
import { sameConditions, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import { ABANDON_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import type { HarvesterIpPool, IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Finalizers of Kubernetes itself that wait for what a claim owns, and so for us. */
const ofGarbageCollection: readonly string[] = ["foregroundDeletion", "orphan"];

/**
 * What is to be done for a claim now:
 * - `none`: nothing is to be given back, or it is not known yet where to
 * - `abandon`: a person gave up what the claim has on Harvester
 * - `tell`: there is no connection to Harvester, and the claim does not say so
 * - `release`: the address is to be given back
 */
export type ReleaseStep = "none" | "abandon" | "tell" | "release";

/** Pure. */
export function releaseStep(view: ReleaseView): ReleaseStep {
  const { object, related, unknown } = view;
  if (!needsRelease(view)) return "none";
  if (abandonReason(object, related.pool) !== undefined) return "abandon";
  // What is in the index may be the last that was heard of a Harvester that is gone.
  if (related.connection?.state === "failed")
    return sameConditions(object.status.conditions, [unreachable(view)]) ? "none" : "tell";
  return unknown.includes("heldIn") ? "none" : "release";
}

/**
 * Whether what the claim holds is to be given back: it is being deleted, we hold it, and nobody else does. Another finalizer says that the address may
 * still be in use, as by a VM that is not gone.
 */
export function needsRelease(view: {
  readonly object: Seen<IpAddressClaim>;
  readonly related: Pick<ClaimScope, "cluster">;
}): boolean {
  const { meta, metadata, spec } = view.object;
  return (
    meta.deletionTimestamp !== undefined &&
    isForUs(spec) &&
    metadata.finalizers.includes(servedClaimFinalizer) &&
    metadata.finalizers.every(
      (name) => name === servedClaimFinalizer || ofGarbageCollection.includes(name),
    ) &&
    claimStop(view) === undefined
  );
}

/** Why a person gave up what the claim, or all of its pool, has on Harvester; undefined when nobody did. */
export function abandonReason(
  claim: Seen<IpAddressClaim>,
  pool: Seen<HarvesterIpPool> | undefined,
): string | undefined {
  return [claim, pool]
    .map((each) => each?.metadata.annotations[ABANDON_ANNOTATION]?.trim())
    .find((reason) => reason !== undefined && reason !== "");
}

/** What a claim says while nothing can be given back. */
export function unreachable({ related }: Pick<ReleaseView, "related">): WantedCondition {
  return {
    type: claimConditions.Deleting,
    status: "True",
    reason: claimReasons.HarvesterUnreachable,
    message: `the address cannot be given back: ${related.connection?.message ?? "there is no connection to Harvester"}`,
  };
}
