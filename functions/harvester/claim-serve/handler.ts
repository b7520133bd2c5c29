import { claimConditions, claimReasons } from "#api/condition-names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { BatchEvent, StepEvent } from "#functions/contract/function.ts";
import {
  change,
  done,
  failed,
  place,
  requeueAfter,
  waitFor,
  type Outcome,
} from "#functions/contract/outcome.ts";
import { firstComeFirst } from "#functions/harvester/first-come-first.ts";
import { identityOfPool, type ClaimScope } from "#functions/harvester/claim-scope.ts";
import { allocate } from "#functions/harvester/claim-serve/allocate.ts";
import { holdClaim, holdPool, type HeldClaim } from "#functions/harvester/claim-serve/hold.ts";
import { ensureIpAddress } from "#functions/harvester/claim-serve/ip-address.ts";
import { notServed, obstacle } from "#functions/harvester/claim-serve/plan.ts";
import { someAtOnce } from "#functions/harvester/some-at-once.ts";
import { mergeConditions, sameConditions, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import type { HarvesterIpPool, IpAddressClaim } from "#platform/cluster-api/ipam.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { ipAddressClaims, ipAddresses } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Item = StepEvent<IpAddressClaim, ClaimScope>;

const EXHAUSTED_TIMEOUT_MS = 10 * 60_000;
const ADDRESS_TIMEOUT_MS = 10 * 60_000;
const AGAIN_MS = 1_000;

/**
 * Serves all claims that wait for one IPPool with one compare-and-set (Cluster API contract, IPAM provider: finalizer, address, IPAddress, status).
 * The pool's entry is the truth: whatever is cut short after it is found and gone on with.
 */
export async function serveClaims(
  { items }: BatchEvent<IpAddressClaim, ClaimScope>,
  deps: Deps,
): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const servable: { item: Item; pool: Seen<HarvesterIpPool> }[] = [];
  for (const item of [...items].sort(firstComeFirst)) {
    const why = obstacle(item);
    const { pool } = item.related;
    if (why !== undefined) outcomes.set(item.object.meta.uid, failed(why.reason, why.message));
    else if (pool !== undefined) servable.push({ item, pool });
  }
  const faults = servable.length === 0 ? [] : await serveAll(servable, outcomes, deps);
  if (outcomes.size === 0 && faults.length > 0) throw faults[0];
  for (const { object } of items) {
    if (!outcomes.has(object.meta.uid))
      outcomes.set(object.meta.uid, requeueAfter(AGAIN_MS, "an API server refused a request meanwhile"));
  }
  return outcomes;
}

async function serveAll(
  servable: readonly { readonly item: Item; readonly pool: Seen<HarvesterIpPool> }[],
  outcomes: Map<string, Outcome>,
  deps: Deps,
): Promise<readonly unknown[]> {
  const pools = new Map(servable.map(({ pool }) => [pool.meta.uid, pool]));
  const [first] = pools.values();
  if (first === undefined) return [];
  await Promise.all([...pools.values()].map((pool) => holdPool(deps, pool)));
  const holding = await someAtOnce(servable, ({ item }) => holdClaim(deps, item.object));
  const held = holding.done.map(({ item: { item, pool }, result }) => ({
    item,
    pool,
    resourceVersion: result,
  }));
  if (held.length === 0) return holding.faults;
  const harvester = await deps.harvester(identityOfPool(first));
  const { ipPool, addresses } = await allocate(harvester, held, deps);
  const serving = await someAtOnce(held, async (claim) => {
    const address = addresses.get(claim.item.object.meta.uid);
    if (ipPool === undefined) return requeueAfter(AGAIN_MS, "the IPPool is gone meanwhile");
    return address === undefined
      ? withoutAddress(claim, ipPool, deps)
      : giveAddress(claim, { ipPool, address }, deps);
  });
  for (const { item, result } of serving.done) outcomes.set(item.item.object.meta.uid, result);
  return [...holding.faults, ...serving.faults];
}

/** The IPAddress, then the status that names it: who reads the status finds the other. */
async function giveAddress(
  claim: HeldClaim,
  { ipPool, address }: { readonly ipPool: Seen<IpPool>; readonly address: string },
  deps: Deps,
): Promise<Outcome> {
  const { item, pool } = claim;
  const { object, related } = item;
  const { namespace = "", name } = object.meta;
  if (related.address?.meta.deletionTimestamp !== undefined) {
    const reason = `IPAddress ${namespace}/${name} is being deleted; it is made anew when it is gone`;
    return waitFor([change(ipAddresses, related.address)], { timeoutMs: ADDRESS_TIMEOUT_MS, reason });
  }
  const made = await ensureIpAddress(deps, { claim: object, pool, ipPool, address }, related.address);
  if (made === "taken") {
    return failed(
      claimReasons.AllocationFailed,
      `IPAddress ${namespace}/${name} exists and is not what IPPool ${ipPool.meta.name} holds for the claim; delete it`,
    );
  }
  if (made === "noRange") {
    return failed(
      claimReasons.AllocationFailed,
      `${address}, the claim's address, lies in no range of IPPool ${ipPool.meta.name} any more; widen a range, or delete the claim`,
    );
  }
  const ready = {
    type: claimConditions.Ready,
    status: "True",
    reason: claimReasons.Ready,
    message: "",
  } as const;
  await writeStatus(claim, { condition: ready, addressRef: { name } }, deps);
  return done();
}

/** Waits for a place. A claim that is bound to an address somebody else has now is not helped by waiting. */
async function withoutAddress(claim: HeldClaim, ipPool: Seen<IpPool>, deps: Deps): Promise<Outcome> {
  const { item } = claim;
  const bound = item.related.address?.spec.address;
  if (bound !== undefined) {
    return failed(
      claimReasons.AllocationFailed,
      `IPPool ${ipPool.meta.name} gives ${bound}, the claim's address, to somebody else; delete the claim, or take out the other entry`,
    );
  }
  const message = `IPPool ${ipPool.meta.name} has no free address`;
  await writeStatus(claim, { condition: notServed({ reason: claimReasons.PoolExhausted, message }) }, deps);
  if (item.wait === undefined) {
    deps.count("caphv_ippool_allocation_errors_total");
    deps.announce(
      { type: ipAddressClaims, meta: item.object.meta },
      { type: "Warning", reason: claimReasons.PoolExhausted, message },
    );
  }
  return waitFor([place(ipPoolView, ipPool)], { timeoutMs: EXHAUSTED_TIMEOUT_MS, reason: message });
}

interface WantedStatus {
  readonly condition: WantedCondition;
  readonly addressRef?: { readonly name: string };
}

async function writeStatus(
  { item, resourceVersion }: HeldClaim,
  { condition, addressRef }: WantedStatus,
  deps: Deps,
): Promise<void> {
  const { meta, status } = item.object;
  const same = addressRef === undefined || addressRef.name === status.addressRef?.name;
  if (same && sameConditions(status.conditions, [condition])) return;
  const conditions = mergeConditions(status.conditions, [condition], deps.now());
  const { namespace, name } = meta;
  await deps.management.mergePatch(
    ipAddressClaims,
    { namespace, name },
    { metadata: { resourceVersion }, status: { ...(addressRef && { addressRef }), conditions } },
    { subresource: "status" },
  );
}
