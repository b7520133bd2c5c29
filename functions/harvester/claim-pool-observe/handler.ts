import { poolFinalizer } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { change, done, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { mayGo, wantedCondition, type PoolView } from "#functions/harvester/claim-pool-observe/plan.ts";
import { isForUs } from "#functions/harvester/claim-scope.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import { mergeConditions } from "#platform/cluster-api/conditions.ts";
import { ipAddressClaimView, type IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import { harvesterIpPools, ipAddressClaims } from "#platform/kube/resources.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

const CLAIM_TIMEOUT_MS = 10 * 60_000;

/** Writes the condition, or lets a deleted pool go. That no claim names it any more is made sure of by a quorum read. */
export async function observePool(view: PoolView, deps: Deps): Promise<Outcome> {
  const { meta, metadata, status } = view.object;
  const { namespace, name, resourceVersion } = meta;
  if (mayGo(view)) {
    const claim = await claimOf(view, deps);
    if (claim !== undefined) {
      const reason = `IPAddressClaim ${claim.meta.name} names the pool still`;
      return waitFor([change(ipAddressClaims, claim)], { timeoutMs: CLAIM_TIMEOUT_MS, reason });
    }
    const finalizers = metadata.finalizers.filter((each) => each !== poolFinalizer);
    await deps.management.mergePatch(
      harvesterIpPools,
      { namespace, name },
      { metadata: { resourceVersion, finalizers } },
    );
    return done();
  }
  const condition = wantedCondition(view);
  if (condition === undefined) return done();
  const conditions = mergeConditions(status.conditions, [condition], deps.now());
  await deps.management.mergePatch(
    harvesterIpPools,
    { namespace, name },
    { metadata: { resourceVersion }, status: { observedGeneration: meta.generation, conditions } },
    { subresource: "status" },
  );
  return done();
}

async function claimOf(
  { object }: PoolView,
  { management }: Deps,
): Promise<Seen<IpAddressClaim> | undefined> {
  for await (const found of management.list(ipAddressClaims, { namespace: object.meta.namespace })) {
    const claim = seenAs(ipAddressClaimView, found, MANAGEMENT);
    if (isForUs(claim.spec) && claim.spec.poolRef.name === object.meta.name) return claim;
  }
  return undefined;
}
