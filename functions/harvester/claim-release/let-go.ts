import { addressFinalizer, servedClaimFinalizer } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { isForUs } from "#functions/harvester/claim-scope.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { ipAddressView, type ClaimedAddress, type IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { ipAddressClaims, ipAddresses } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Takes away the IPAddress of the claim. Read anew: an IPAddress the index does not show yet would outlive its claim, held by our finalizer. */
export async function removeIpAddress(
  object: Seen<IpAddressClaim>,
  { management }: Pick<Deps, "management">,
): Promise<void> {
  const address = await freshLook(management, ipAddressView, object.meta);
  if (address === undefined || !isOf(address, object)) return;
  const { namespace, name, uid, resourceVersion } = address.meta;
  const finalizers = address.metadata.finalizers.filter((each) => each !== addressFinalizer);
  if (finalizers.length < address.metadata.finalizers.length) {
    const metadata = { resourceVersion, finalizers };
    await management.mergePatch(ipAddresses, { namespace, name }, { metadata });
  }
  await management.delete(ipAddresses, { namespace, name }, { uid });
}

/** Made by one of our pools, for the claim of this name. */
function isOf({ spec }: Seen<ClaimedAddress>, claim: Seen<IpAddressClaim>): boolean {
  return spec.claimRef.name === claim.meta.name && isForUs(spec);
}

/** Takes our finalizer off the claim, at this version of it; one that is gone is no fault. */
export async function letGo(
  { meta, metadata }: Seen<IpAddressClaim>,
  { management }: Pick<Deps, "management">,
): Promise<void> {
  const finalizers = metadata.finalizers.filter((name) => name !== servedClaimFinalizer);
  const { namespace, name, resourceVersion } = meta;
  try {
    await management.mergePatch(
      ipAddressClaims,
      { namespace, name },
      { metadata: { resourceVersion, finalizers } },
    );
  } catch (error) {
    if (!isKubeError(error, "notFound")) throw error;
  }
}
