import { claimReasons } from "#api/condition-names.ts";
import type { Deps, StepClient } from "#functions/contract/deps.ts";
import type { BatchEvent, StepEvent } from "#functions/contract/function.ts";
import { change, done, failed, requeueAfter, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { claimEntries } from "#functions/harvester/claim-entries.ts";
import { abandonClaim } from "#functions/harvester/claim-release/abandon.ts";
import { letGo, removeIpAddress } from "#functions/harvester/claim-release/let-go.ts";
import { needsRelease, releaseStep, unreachable } from "#functions/harvester/claim-release/plan.ts";
import { identityOfPool, type ReleaseScope } from "#functions/harvester/claim-scope.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { writePool } from "#functions/harvester/pool-write.ts";
import { someAtOnce } from "#functions/harvester/some-at-once.ts";
import { clusterView } from "#platform/cluster-api/cluster.ts";
import { mergeConditions } from "#platform/cluster-api/conditions.ts";
import { ipAddressClaimView, type IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import { planRelease } from "#platform/harvester/ip-pool-allocation.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { ipAddressClaims } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Item = StepEvent<IpAddressClaim, ReleaseScope>;

/** A claim a quorum read has confirmed, at the version read. */
interface Confirmed {
  readonly item: Item;
  readonly fresh: Seen<IpAddressClaim>;
}

const ROUNDS = 4;
const AGAIN_MS = 1_000;
const STOP_TIMEOUT_MS = 60 * 60_000;

/**
 * Gives back what deleted claims hold, one compare-and-set for all of one IPPool. The IPAddress goes first, the claim last: nobody ever reads an address
 * in one that another may have.
 */
export async function releaseClaims(
  { items }: BatchEvent<IpAddressClaim, ReleaseScope>,
  deps: Deps,
): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const looking = await someAtOnce(items, (item) => confirm(item, deps));
  const confirmed = looking.done.flatMap(({ result }) => ("fresh" in result ? [result] : []));
  for (const { item, result } of looking.done)
    if (!("fresh" in result)) outcomes.set(item.object.meta.uid, result);
  const clearing = await someAtOnce(confirmed, async (claim) => {
    await removeIpAddress(claim.item.object, deps);
    return claim;
  });
  const cleared = clearing.done.map(({ result }) => result);
  const faults = [...looking.faults, ...clearing.faults];
  try {
    await releaseAll(cleared, deps);
    const leaving = await someAtOnce(cleared, ({ fresh }) => letGo(fresh, deps));
    for (const { item } of leaving.done) outcomes.set(item.item.object.meta.uid, done());
    faults.push(...leaving.faults);
  } catch (error) {
    faults.push(error);
  }
  if (outcomes.size === 0 && faults.length > 0) throw faults[0];
  for (const { object } of items) {
    if (!outcomes.has(object.meta.uid))
      outcomes.set(object.meta.uid, requeueAfter(AGAIN_MS, "an API server refused a request meanwhile"));
  }
  return outcomes;
}

/** The claim as it is now, if it still is the one to be released; else the outcome to end its step with. */
async function confirm(item: Item, deps: Deps): Promise<Confirmed | Outcome> {
  const { object, related } = item;
  const step = releaseStep(item);
  if (step === "abandon") return abandonClaim(item, deps);
  if (step === "tell") return tell(item, deps);
  if (related.pool === undefined) {
    return failed(
      claimReasons.PoolNotReady,
      `HarvesterIPPool ${object.meta.namespace ?? ""}/${object.spec.poolRef.name} does not exist, so it is unknown where the address is to be given back; create it again, or give the claim up`,
    );
  }
  const [fresh, cluster] = await Promise.all([
    freshLook(deps.management, ipAddressClaimView, object.meta),
    related.cluster && freshLook(deps.management, clusterView, related.cluster.meta),
  ]);
  if (fresh?.meta.uid !== object.meta.uid) return done();
  if (step === "release" && needsRelease({ object: fresh, related: { cluster } })) return { item, fresh };
  return waitFor([change(ipAddressClaims, object)], {
    timeoutMs: STOP_TIMEOUT_MS,
    reason: "the claim is paused, moves away, or is held by somebody else, or Harvester does not answer",
  });
}

/** Written once; the news of the connection go on from here. */
async function tell(item: Item, deps: Deps): Promise<Outcome> {
  const { meta, status } = item.object;
  const { namespace, name, resourceVersion } = meta;
  const conditions = mergeConditions(status.conditions, [unreachable(item)], deps.now());
  await deps.management.mergePatch(
    ipAddressClaims,
    { namespace, name },
    { metadata: { resourceVersion }, status: { conditions } },
    { subresource: "status" },
  );
  return done();
}

async function releaseAll(claims: readonly Confirmed[], deps: Deps): Promise<void> {
  const [first] = claims;
  const pool = first?.item.related.pool;
  if (pool === undefined) return;
  const pools = new Map(
    claims.flatMap(({ item }) => item.related.heldIn.map((each) => [each.meta.name, each] as const)),
  );
  if (pools.size === 0) return;
  const harvester = await deps.harvester(identityOfPool(pool));
  for (const name of pools.keys()) {
    for (const { item, address } of await releaseIn(harvester, { pools, name }, claims)) {
      deps.count("caphv_ippool_releases_total");
      deps.announce(
        { type: ipAddressClaims, meta: item.object.meta },
        {
          type: "Normal",
          reason: "AddressReleased",
          message: `address ${address} is given back to IPPool ${name}`,
        },
      );
    }
  }
}

async function releaseIn(
  harvester: StepClient,
  { pools, name }: { readonly pools: Map<string, Seen<IpPool>>; readonly name: string },
  claims: readonly Confirmed[],
): Promise<readonly { readonly item: Item; readonly address: string }[]> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const pool = pools.get(name);
    if (pool === undefined) return [];
    const read = pool.summary.ranges;
    const entries = claims.flatMap(({ item }) =>
      claimEntries(item.object, [pool]).map((entry) => ({ item, ...entry })),
    );
    const patch = planRelease(pool.status, "pool" in read ? read.pool : undefined, entries);
    if (patch === undefined || (await writePool(harvester, pools, name, { status: patch }))) return entries;
  }
  throw new KubeError({
    reason: "conflict",
    message: `IPPool ${name} changed ${ROUNDS} times while addresses were given back`,
    dependency: harvester.connection,
  });
}
