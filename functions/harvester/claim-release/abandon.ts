import type { Deps } from "#functions/contract/deps.ts";
import { change, done, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { claimHolderId } from "#functions/harvester/claim-entries.ts";
import { letGo, removeIpAddress } from "#functions/harvester/claim-release/let-go.ts";
import { abandonReason, needsRelease } from "#functions/harvester/claim-release/plan.ts";
import type { ReleaseView } from "#functions/harvester/claim-scope.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { clusterView } from "#platform/cluster-api/cluster.ts";
import { harvesterIpPoolView, ipAddressClaimView } from "#platform/cluster-api/ipam.ts";
import { ipAddressClaims } from "#platform/kube/resources.ts";

const STOP_TIMEOUT_MS = 60 * 60_000;

/**
 * Lets a deleted claim go without touching Harvester, because a person said by annotation, with a reason, that it will not come back. A Warning Event
 * names what may be left there. Pausing and `clusterctl move` still hold.
 */
export async function abandonClaim({ object, related }: ReleaseView, deps: Deps): Promise<Outcome> {
  const [claim, pool, cluster] = await Promise.all([
    freshLook(deps.management, ipAddressClaimView, object.meta),
    related.pool && freshLook(deps.management, harvesterIpPoolView, related.pool.meta),
    related.cluster && freshLook(deps.management, clusterView, related.cluster.meta),
  ]);
  if (claim?.meta.uid !== object.meta.uid) return done();
  const reason = abandonReason(claim, pool);
  if (reason === undefined || !needsRelease({ object: claim, related: { cluster } })) {
    return waitFor([change(ipAddressClaims, object)], {
      timeoutMs: STOP_TIMEOUT_MS,
      reason: "the claim is not, or no longer, one that is deleted and given up",
    });
  }
  const address = related.address?.spec.address ?? "an address";
  const where = related.pool === undefined ? "an IPPool" : `IPPool ${related.pool.spec.ipPool}`;
  deps.announce(
    { type: ipAddressClaims, meta: claim.meta },
    {
      type: "Warning",
      reason: "ExternalObjectsAbandoned",
      message: `given up without a look at Harvester (${reason}); may be left there: ${address} in ${where}, held as ${claimHolderId(claim)}`,
    },
  );
  await removeIpAddress(claim, deps);
  await letGo(claim, deps);
  return done();
}
