import { poolFinalizer, servedClaimFinalizer } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { claimIdentity } from "#functions/harvester/claim-entries.ts";
import type { ClaimScope } from "#functions/harvester/claim-scope.ts";
import { IDENTITY_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import type { HarvesterIpPool, IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import { harvesterIpPools, ipAddressClaims } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Management = Pick<Deps, "management">;

/** A claim that carries our finalizer, at the version that does. */
export interface HeldClaim {
  readonly item: StepEvent<IpAddressClaim, ClaimScope>;
  readonly pool: Seen<HarvesterIpPool>;
  readonly resourceVersion: string;
}

/**
 * Makes sure that our finalizer and the identity are on the claim, before an IPPool names it; no request when they are. Resolves to the version of the
 * claim that has them.
 *
 * @throws KubeError `conflict` when the claim changed meanwhile.
 */
export async function holdClaim({ management }: Management, claim: Seen<IpAddressClaim>): Promise<string> {
  const { meta, metadata } = claim;
  const held = metadata.finalizers.includes(servedClaimFinalizer);
  const known = metadata.annotations[IDENTITY_ANNOTATION] !== undefined;
  if (held && known) return meta.resourceVersion;
  const written = await management.mergePatch(ipAddressClaims, meta, {
    metadata: {
      resourceVersion: meta.resourceVersion,
      ...(!held && { finalizers: [...metadata.finalizers, servedClaimFinalizer] }),
      ...(!known && { annotations: { [IDENTITY_ANNOTATION]: claimIdentity(claim) } }),
    },
  });
  return written.metadata.resourceVersion;
}

/**
 * The same for the pool: as long as addresses are given out, somebody has to know where they are to be given back.
 *
 * @throws KubeError `conflict` when the pool changed meanwhile.
 */
export async function holdPool(
  { management }: Management,
  { meta, metadata }: Seen<HarvesterIpPool>,
): Promise<void> {
  if (metadata.finalizers.includes(poolFinalizer)) return;
  await management.mergePatch(harvesterIpPools, meta, {
    metadata: {
      resourceVersion: meta.resourceVersion,
      finalizers: [...metadata.finalizers, poolFinalizer],
    },
  });
}
