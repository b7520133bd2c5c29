import type { Deps, StepClient } from "#functions/contract/deps.ts";
import type { BatchEvent, StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import type { ClusterReads } from "#functions/harvester/deletion-guard.ts";
import type { HarvesterScope } from "#functions/harvester/machine-scope.ts";
import { ownEntries, type PoolEntry } from "#functions/harvester/pool-entries.ts";
import { writePool } from "#functions/harvester/pool-write.ts";
import { confirmVmGone } from "#functions/harvester/vm-gone.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { planRelease } from "#platform/harvester/ip-pool-allocation.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Item = StepEvent<HarvesterMachineBody, HarvesterScope>;

const ROUNDS = 4;
const MACHINES_AT_ONCE = 16;
const AGAIN_MS = 1_000;

/**
 * Gives back what the machines of the batch hold, one compare-and-set per pool. Each machine is confirmed by quorum reads: it is the one whose
 * deletion was asked for, and its VM answers 404. Only entries with the machine's own id are taken out, so a release never hits whoever got the
 * address since, and a second one finds nothing.
 */
export async function releaseAddresses(
  { items }: BatchEvent<HarvesterMachineBody, HarvesterScope>,
  deps: Deps,
): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const faults: unknown[] = [];
  const clusterReads: ClusterReads = new Map();
  const confirmed: Item[] = [];
  for (let at = 0; at < items.length; at += MACHINES_AT_ONCE) {
    const some = items.slice(at, at + MACHINES_AT_ONCE);
    const results = await Promise.allSettled(some.map((item) => confirmVmGone(item, deps, clusterReads)));
    for (const [index, item] of some.entries()) {
      const result = results[index];
      if (result?.status !== "fulfilled") faults.push(result?.reason);
      else if (result.value === undefined) confirmed.push(item);
      else outcomes.set(item.object.meta.uid, result.value);
    }
  }
  const identity = confirmed[0]?.related.harvesterCluster?.spec.identitySecret;
  if (identity !== undefined) {
    try {
      await releaseAll(await deps.harvester(identity), confirmed, deps);
      for (const { object } of confirmed) outcomes.set(object.meta.uid, done());
    } catch (error) {
      faults.push(error);
    }
  }
  if (outcomes.size === 0 && faults.length > 0) throw faults[0];
  for (const { object } of items) {
    if (!outcomes.has(object.meta.uid)) {
      outcomes.set(object.meta.uid, requeueAfter(AGAIN_MS, "an API server refused a request meanwhile"));
    }
  }
  return outcomes;
}

async function releaseAll(harvester: StepClient, items: readonly Item[], deps: Deps): Promise<void> {
  const pools = new Map(
    items.flatMap(({ related }) => related.heldIn.map((pool) => [pool.meta.name, pool] as const)),
  );
  for (const name of pools.keys()) {
    for (const { item, entry } of await releaseIn(harvester, pools, name, items)) {
      deps.count("caphv_ippool_releases_total");
      deps.announce(
        { type: harvesterMachines, meta: item.object.meta },
        {
          type: "Normal",
          reason: "VMIPReleased",
          message: `address ${entry.address} is given back to IPPool ${entry.pool}`,
        },
      );
    }
  }
}

interface Release {
  readonly item: Item;
  readonly entry: PoolEntry;
}

async function releaseIn(
  harvester: StepClient,
  pools: Map<string, Seen<IpPool>>,
  name: string,
  items: readonly Item[],
): Promise<readonly Release[]> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const pool = pools.get(name);
    if (pool === undefined) return [];
    const read = pool.summary.ranges;
    const releases = items.flatMap((item) =>
      ownEntries(item.object, [pool]).map((entry) => ({ item, entry })),
    );
    const patch = planRelease(
      pool.status,
      "pool" in read ? read.pool : undefined,
      releases.map(({ entry }) => entry),
    );
    if (patch === undefined || (await writePool(harvester, pools, name, { status: patch }))) return releases;
  }
  throw new KubeError({
    reason: "conflict",
    message: `IPPool ${name} changed ${ROUNDS} times while an address was given back`,
    dependency: harvester.connection,
  });
}
