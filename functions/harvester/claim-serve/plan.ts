import { claimConditions, claimReasons } from "#api/condition-names.ts";
import { claimEntries } from "#functions/harvester/claim-entries.ts";
import { claimStop, isForUs, type ClaimView } from "#functions/harvester/claim-scope.ts";
import { findCondition, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import type { ClaimedAddress, IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Why a claim gets no address, in Cluster API's words for it. */
export interface NotServed {
  readonly reason: keyof typeof claimReasons;
  readonly message: string;
}

/** Whether the claim is ours to serve, and not served yet. */
export function needsService(view: ClaimView): boolean {
  return (
    isForUs(view.object.spec) &&
    view.object.meta.deletionTimestamp === undefined &&
    claimStop(view) === undefined &&
    !isServed(view)
  );
}

function isServed({ object, related }: ClaimView): boolean {
  const { addressRef, conditions } = object.status;
  const held = claimEntries(object, related.heldIn).map(({ address }) => address);
  return (
    related.address !== undefined &&
    isAddressOf(related.address, object) &&
    held.includes(related.address.spec.address) &&
    addressRef?.name === related.address.meta.name &&
    findCondition(conditions, claimConditions.Ready)?.status === "True"
  );
}

/** Whether the IPAddress was made for this very claim. */
export function isAddressOf(address: Seen<ClaimedAddress>, claim: Seen<IpAddressClaim>): boolean {
  return address.metadata.ownerReferences.some(
    ({ uid, controller }) => controller === true && uid === claim.meta.uid,
  );
}

/** What a person has to mend before the claim can be served; undefined when nothing. */
export function obstacle({ object, related }: ClaimView): NotServed | undefined {
  const { pool, ipPool, address, heldIn } = related;
  const { namespace = "", name } = object.meta;
  const poolName = `HarvesterIPPool ${namespace}/${object.spec.poolRef.name}`;
  if (pool === undefined) return notReady(`${poolName} does not exist; create it`);
  if (address !== undefined && !mayBecome(address, object))
    return {
      reason: claimReasons.AllocationFailed,
      message: `IPAddress ${namespace}/${name} exists and belongs to somebody else; delete it`,
    };
  if (claimEntries(object, heldIn).length > 0) return undefined;
  if (pool.meta.deletionTimestamp !== undefined) return notReady(`${poolName} is being deleted`);
  if (ipPool === undefined || ipPool.meta.deletionTimestamp !== undefined)
    return notReady(
      `IPPool ${pool.spec.ipPool} does not exist on Harvester; create it, or make another HarvesterIPPool`,
    );
  return malformed(ipPool);
}

/** Why no address of the pool can be given out; undefined when its ranges can be read. */
function malformed({ meta, summary }: Seen<IpPool>): NotServed | undefined {
  const read = summary.ranges;
  if (!("problem" in read)) return undefined;
  const { field, message } = read.problem;
  return notReady(`IPPool ${meta.name} is malformed: ${field} ${message}`);
}

/** One made for the claim, or for the claim of this name before a restore gave it another uid. */
export function mayBecome(address: Seen<ClaimedAddress>, claim: Seen<IpAddressClaim>): boolean {
  const { claimRef, poolRef } = address.spec;
  return (
    isAddressOf(address, claim) ||
    (claimRef.name === claim.meta.name && isForUs({ poolRef }) && poolRef.name === claim.spec.poolRef.name)
  );
}

/** The condition of a claim without an address. */
export function notServed({ reason, message }: NotServed): WantedCondition {
  return { type: claimConditions.Ready, status: "False", reason, message };
}

function notReady(message: string): NotServed {
  return { reason: claimReasons.PoolNotReady, message };
}
