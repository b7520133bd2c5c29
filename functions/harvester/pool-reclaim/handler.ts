import { clusterReasons } from "#api/condition-names.ts";
import type { Deps, StepClient } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Emission, type Outcome } from "#functions/contract/outcome.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import type { Leak } from "#functions/harvester/pool-reclaim/leaks.ts";
import { markFor, usersOf } from "#functions/harvester/pool-users.ts";
import { isIdle } from "#functions/harvester/owner-cluster.ts";
import type { PoolView, PoolWorld } from "#functions/harvester/pool-reclaim/pool-world.ts";
import { prove } from "#functions/harvester/pool-reclaim/proof.ts";
import { poolConditions } from "#functions/harvester/pool-reclaim/report.ts";
import { leakyPools, unmarkedPools, type LeakyPool } from "#functions/harvester/pool-reclaim/work.ts";
import { writePool } from "#functions/harvester/pool-write.ts";
import { clusterView } from "#platform/cluster-api/cluster.ts";
import { findCondition, mergeConditions, sameCondition } from "#platform/cluster-api/conditions.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { planRelease } from "#platform/harvester/ip-pool-allocation.ts";
import { USED_FROM_ANNOTATION } from "#platform/harvester/ip-pool-body.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { harvesterClusters, ipPools } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

const ROUNDS = 4;
/** Addresses looked into in one step. */
const LEAKS_AT_A_TIME = 16;
/** Nothing tells that a VM which is in the way, somewhere on Harvester, is gone. */
const ASK_AGAIN_MS = 10 * 60_000;

const MORE_MS = 100;

/** Marks the pools as used from here; takes back what is proven to be left over in one of them; says what is missing. */
export async function reclaimAddresses(
  event: StepEvent<HarvesterClusterBody, PoolWorld>,
  deps: Deps,
): Promise<Outcome> {
  const { identitySecret, targetNamespace } = event.object.spec;
  const management = event.related.connection?.managementUid;
  const [unmarked] = unmarkedPools(event);
  if (unmarked !== undefined && management !== undefined) {
    await mark(await deps.harvester(identitySecret), unmarked, management);
    return more();
  }
  const [leaky] = leakyPools(event);
  if (leaky === undefined || management === undefined) return done(await report(event, deps));
  if (!(await isStillWanted(event, deps))) return done();
  const harvester = await deps.harvester(identitySecret);
  const leaks = leaky.leaks.slice(0, LEAKS_AT_A_TIME);
  const proofs = await prove(deps, harvester, leaks, targetNamespace);
  const proven = proofs.filter(({ objection }) => objection === undefined).map(({ leak }) => leak);
  const taken = await takeBack(harvester, leaky, proven, management);
  for (const leak of taken) tell(event, deps, leaky, leak);
  const kept = proofs.filter(({ objection }) => objection !== undefined);
  if (kept.length === 0) return more();
  await report(event, deps);
  const why = kept.map(({ leak, objection }) => `${leak.address}: ${objection ?? ""}`).join("; ");
  const message = `not taken back to IPPool ${leaky.pool.meta.name}, though the machine is gone: ${why}`;
  announce(event, deps, { type: "Warning", reason: "VMIPNotReclaimed", message });
  return requeueAfter(ASK_AGAIN_MS, message);
}

/** One of its pools is as it should be; the others, and what there is to tell, come next, each under its own key. */
function more(): Outcome {
  return requeueAfter(MORE_MS, "a pool is done; the next, or the report, follows");
}

async function mark(harvester: StepClient, pool: Seen<IpPool>, management: string): Promise<void> {
  const { name, resourceVersion } = pool.meta;
  const annotations = { [USED_FROM_ANNOTATION]: markFor(pool, management) };
  await harvester.mergePatch(ipPools, { name }, { metadata: { resourceVersion, annotations } });
}

/** Whether the cluster, by quorum reads, is the one that was seen and neither paused, moved nor deleted. */
async function isStillWanted({ object, related }: PoolView, deps: Deps): Promise<boolean> {
  const own = await freshLook(deps.management, harvesterClusterView, object.meta);
  const { cluster } = related;
  if (own === undefined || cluster === undefined || own.meta.uid !== object.meta.uid) return false;
  const owner = await freshLook(deps.management, clusterView, cluster.meta);
  return owner?.meta.uid === cluster.meta.uid && !isIdle(own, owner);
}

/** One compare-and-set, so that whoever writes the pool meanwhile wins; what it holds then is looked at anew. */
async function takeBack(
  harvester: StepClient,
  { pool }: LeakyPool,
  proven: readonly Leak[],
  management: string,
): Promise<readonly Leak[]> {
  const { name } = pool.meta;
  const pools = new Map([[name, pool]]);
  for (let round = 0; round < ROUNDS; round += 1) {
    const now = pools.get(name);
    if (now === undefined || usersOf(now, management) !== "ours") return [];
    const held = proven.filter(({ address, id }) => now.status.allocated[address] === id);
    const { ranges } = now.summary;
    const patch = planRelease(now.status, "pool" in ranges ? ranges.pool : undefined, held);
    if (patch === undefined || (await writePool(harvester, pools, name, { status: patch }))) return held;
  }
  throw new KubeError({
    reason: "conflict",
    message: `IPPool ${name} changed ${ROUNDS} times while addresses were taken back`,
    dependency: harvester.connection,
  });
}

function tell(event: PoolView, deps: Deps, { pool }: LeakyPool, { address, holder }: Leak): void {
  deps.count("capfn_ippool_reclaims_total");
  const message = `address ${address} is taken back to IPPool ${pool.meta.name}: HarvesterMachine ${holder.namespace}/${holder.name} with identity ${holder.identity} does not exist, nor does its VM`;
  announce(event, deps, { type: "Normal", reason: "VMIPReclaimed", message });
}

/** Writes the conditions that are not as they should be, with an Event for each that turned; tells what is worth telling others. */
async function report(event: PoolView, deps: Deps): Promise<readonly Emission[]> {
  const { object } = event;
  const { conditions } = object.status;
  const wanted = poolConditions(event).filter(
    (condition) => !sameCondition(findCondition(conditions, condition.type), condition),
  );
  if (wanted.length === 0) return [];
  const { namespace, name, resourceVersion } = object.meta;
  const status = { conditions: mergeConditions(conditions, wanted, deps.now()) };
  const patch = { metadata: { resourceVersion }, status };
  await deps.management.mergePatch(harvesterClusters, { namespace, name }, patch, { subresource: "status" });
  const turned = wanted.filter(({ type, reason }) => findCondition(conditions, type)?.reason !== reason);
  for (const { reason, message } of turned) {
    const isFine = message === "";
    announce(event, deps, {
      type: isFine ? "Normal" : "Warning",
      reason,
      message: isFine ? "the IPPools of the cluster are in order again" : message,
    });
  }
  return turned
    .filter(({ reason }) => exhaustion.has(reason))
    .map(({ reason, message }) => ({
      type: "dev.capfn.ippool.exhausted",
      data: { cluster: `${namespace ?? ""}/${name}`, reason, message },
    }));
}

const exhaustion: ReadonlySet<string> = new Set([
  clusterReasons.AddressesExhausted,
  clusterReasons.AddressesRunningOut,
]);

function announce({ object }: PoolView, deps: Deps, event: Parameters<Deps["announce"]>[1]): void {
  deps.announce({ type: harvesterClusters, meta: object.meta }, event);
}
