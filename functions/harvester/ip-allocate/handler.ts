import type { Deps } from "#functions/contract/deps.ts";
import type { BatchEvent, StepEvent } from "#functions/contract/function.ts";
import {
  appearance,
  done,
  failed,
  place,
  requeueAfter,
  waitFor,
  type Outcome,
} from "#functions/contract/outcome.ts";
import { firstComeFirst } from "#functions/harvester/first-come-first.ts";
import { ensureFinalizer } from "#functions/harvester/finalizer.ts";
import { planAssignments, type Assignment, type Waiter } from "#functions/harvester/ip-allocate/plan.ts";
import { poolRefs, type AllocationScope } from "#functions/harvester/ip-allocate/waiting-machine.ts";
import { judgePools, usableRanges, whyNoAddress } from "#functions/harvester/pool-candidates.ts";
import { claimOf } from "#functions/harvester/pool-entries.ts";
import { markedPatch } from "#functions/harvester/pool-users.ts";
import { writePool } from "#functions/harvester/pool-write.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { harvesterMachines, ipPools } from "#platform/kube/resources.ts";
import type { ObjectRef, Seen } from "#platform/kube/view.ts";

type Item = StepEvent<HarvesterMachineBody, AllocationScope>;

/** A machine of the batch and its place in the plan. */
interface Entry {
  readonly item: Item;
  readonly waiter: Waiter;
  readonly refs: readonly ObjectRef[];
}

const ROUNDS = 4;
const FINALIZERS_AT_ONCE = 16;
const EXHAUSTED_TIMEOUT_MS = 10 * 60_000;
const AGAIN_MS = 1_000;

/**
 * One compare-and-set per pool for all machines that wait for it. The finalizer comes first: from the moment a pool names the machine, there is
 * something to give back. Nothing is written to the machine's status; the pool's entry itself says who holds the address.
 */
export async function allocateAddresses(
  { items }: BatchEvent<HarvesterMachineBody, AllocationScope>,
  deps: Deps,
): Promise<ReadonlyMap<string, Outcome>> {
  const faults: unknown[] = [];
  const ready = await withFinalizer([...items].sort(firstComeFirst).map(entryOf), deps, faults);
  const outcomes = new Map<string, Outcome>();
  const identity = ready[0]?.item.related.harvesterCluster?.spec.identitySecret;
  if (identity !== undefined) {
    const harvester = await deps.harvester(identity);
    const pools = new Map(
      ready.flatMap(({ item }) => item.related.pools.map((pool) => [pool.meta.name, pool] as const)),
    );
    const management = ready[0]?.item.related.connection?.managementUid;
    const byUid = new Map(ready.map((entry) => [entry.waiter.uid, entry]));
    let waiting = ready;
    for (let round = 0; round < ROUNDS && waiting.length > 0; round += 1) {
      const plan = planAssignments(
        waiting.map(({ waiter }) => waiter),
        pools,
      );
      const unwritten = new Set<string>();
      for (const [name, patch] of plan.patches) {
        const marked = markedPatch(patch, pools.get(name), management);
        const written = await writePool(harvester, pools, name, marked).catch((error: unknown) => {
          faults.push(error);
          return false;
        });
        if (!written) unwritten.add(name);
      }
      const settled = plan.assignments.filter(({ found, pool }) => found || !unwritten.has(pool));
      for (const assignment of settled) report(assignment, byUid.get(assignment.waiter.uid), deps);
      for (const { waiter } of settled) outcomes.set(waiter.uid, done());
      for (const { uid, candidates } of plan.unserved) {
        const entry = byUid.get(uid);
        // What was written meanwhile by somebody else may have a place: that version is planned with in the next round.
        if (entry === undefined || candidates.some((name) => unwritten.has(name))) continue;
        outcomes.set(uid, withoutAddress(entry, pools, deps));
      }
      waiting = waiting.filter(({ waiter }) => !outcomes.has(waiter.uid));
      if (faults.length > 0) break;
    }
  }
  return settle(items, outcomes, faults);
}

/** The machines that carry the finalizer now, a few requests at a time. */
async function withFinalizer(
  entries: readonly Entry[],
  deps: Deps,
  faults: unknown[],
): Promise<readonly Entry[]> {
  const ready: Entry[] = [];
  for (let at = 0; at < entries.length; at += FINALIZERS_AT_ONCE) {
    const some = entries.slice(at, at + FINALIZERS_AT_ONCE);
    const results = await Promise.allSettled(some.map(({ item }) => ensureFinalizer(deps, item.object)));
    for (const [index, result] of results.entries()) {
      const entry = some[index];
      if (result.status === "rejected") faults.push(result.reason);
      else if (entry !== undefined) ready.push(entry);
    }
  }
  return ready;
}

function report({ pool, address, found }: Assignment, entry: Entry | undefined, deps: Deps): void {
  if (found || entry === undefined) return;
  deps.count("caphv_ippool_allocations_total");
  deps.announce(
    { type: harvesterMachines, meta: entry.item.object.meta },
    { type: "Normal", reason: "VMIPAllocated", message: `address ${address} of IPPool ${pool} is allocated` },
  );
}

/** Waits for a place in any of its pools when time may help; otherwise says what has to be mended. */
function withoutAddress(
  { item, refs }: Entry,
  pools: ReadonlyMap<string, Seen<IpPool>>,
  deps: Deps,
): Outcome {
  const { networks } = item.object.spec;
  const verdicts = judgePools(
    refs.map(({ name }) => name),
    [...pools.values()],
    networks,
  );
  const why = whyNoAddress(verdicts, networks);
  if (item.wait === undefined) deps.count("caphv_ippool_allocation_errors_total");
  if (why?.passing === false) return failed(why.reason, why.message);
  const message = why?.message ?? "the free addresses of its IPPools were taken by others";
  if (item.wait === undefined) {
    deps.announce(
      { type: harvesterMachines, meta: item.object.meta },
      { type: "Warning", reason: why?.reason ?? "VMIPPoolExhausted", message },
    );
  }
  // A pool that is there and cannot be used is news of another kind: the function's inputs tell when it is mended.
  const targets = refs.flatMap((ref) => {
    const pool = pools.get(ref.name);
    if (pool === undefined) return [appearance(ipPools, ref)];
    return usableRanges(pool, networks) === undefined ? [] : [place(ipPoolView, pool)];
  });
  return waitFor(targets, { timeoutMs: EXHAUSTED_TIMEOUT_MS, reason: message });
}

/** A fault is the batch's only when nobody was served; otherwise the others look again soon. */
function settle(
  items: readonly Item[],
  outcomes: Map<string, Outcome>,
  faults: readonly unknown[],
): ReadonlyMap<string, Outcome> {
  if (outcomes.size === 0 && faults.length > 0) throw faults[0];
  for (const { object } of items) {
    if (!outcomes.has(object.meta.uid)) {
      outcomes.set(object.meta.uid, requeueAfter(AGAIN_MS, "an API server refused a write meanwhile"));
    }
  }
  return outcomes;
}

function entryOf(item: Item): Entry {
  const refs = poolRefs(item.object, item.related.harvesterCluster);
  return {
    item,
    refs,
    waiter: {
      uid: item.object.meta.uid,
      claim: claimOf(item.object),
      candidates: refs.map(({ name }) => name),
      networks: item.object.spec.networks,
    },
  };
}
