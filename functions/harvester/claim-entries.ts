import type { PoolEntry } from "#functions/harvester/pool-entries.ts";
import { IDENTITY_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import type { IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import type { Claim } from "#platform/harvester/ip-pool-allocation.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * Id under which a claim holds an address in an IPPool. With the identity the claim was first served with, which a copy made by `clusterctl move` keeps;
 * and in four parts, so that nobody takes it for a machine's and finds that there is no such machine.
 */
export function claimHolderId(claim: Seen<IpAddressClaim>): string {
  const { namespace = "", name } = claim.meta;
  return ["ipaddressclaim", namespace, name, claimIdentity(claim)].join("/");
}

/** The uid the claim had when it was first served. */
export function claimIdentity({ meta, metadata }: Seen<IpAddressClaim>): string {
  return metadata.annotations[IDENTITY_ANNOTATION] ?? meta.uid;
}

/** What the claim holds in these pools. */
export function claimEntries(
  claim: Seen<IpAddressClaim>,
  pools: readonly Seen<IpPool>[],
): readonly PoolEntry[] {
  const id = claimHolderId(claim);
  return pools.flatMap(({ meta, summary }) =>
    summary.addressesOf(id).map((address) => ({ pool: meta.name, address, id })),
  );
}

/** The claim as one to an address of a pool; `only`: this address or none, because it was handed out already. */
export function allocationClaim(claim: Seen<IpAddressClaim>, only: string | undefined): Claim {
  const id = claimHolderId(claim);
  return { id, heldAs: [id], formerlyAs: [id], only };
}
