import type { Deps, StepClient } from "#functions/contract/deps.ts";
import type { ClusterDeleteView } from "#functions/harvester/cluster-delete/world.ts";
import { writePool } from "#functions/harvester/pool-write.ts";
import { planRelease, type Grant } from "#platform/harvester/ip-pool-allocation.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { harvesterMachines, virtualMachines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** The entries of a pool, by whether anybody may still use the address. */
interface Entries {
  readonly left: readonly Grant[];
  /** Holder ids of the others. */
  readonly held: readonly string[];
}

const LOOKS_AT_ONCE = 16;

/**
 * Which addresses of a pool that was made for the cluster are left over: held for a machine of its namespace that does not exist, nor its VM in the target
 * namespace, by quorum reads. Everything else is somebody's.
 */
export async function leftEntries(
  { object }: ClusterDeleteView,
  deps: Pick<Deps, "management" | "harvester">,
  pool: Seen<IpPool>,
): Promise<Entries> {
  const harvester = await deps.harvester(object.spec.identitySecret);
  const { namespace = "" } = object.meta;
  const entries = Object.entries(pool.status.allocated).map(([address, id]) => ({ address, id }));
  const left: Grant[] = [];
  const held: string[] = [];
  for (let at = 0; at < entries.length; at += LOOKS_AT_ONCE) {
    await Promise.all(
      entries.slice(at, at + LOOKS_AT_ONCE).map(async (entry) => {
        const [where, name] = entry.id.split("/");
        if (where !== namespace || name === undefined || name === "") {
          held.push(entry.id);
          return;
        }
        const [machine, vm] = await Promise.all([
          deps.management.get(harvesterMachines, { namespace, name }),
          harvester.get(virtualMachines, { namespace: object.spec.targetNamespace, name }),
        ]);
        if (machine === undefined && vm === undefined) left.push(entry);
        else held.push(entry.id);
      }),
    );
  }
  return { left, held: held.toSorted() };
}

const ROUNDS = 4;

/** Gives these entries back, and no others, in one compare-and-set. */
export async function releaseEntries(
  harvester: StepClient,
  seen: Seen<IpPool>,
  entries: readonly Grant[],
): Promise<void> {
  const { name } = seen.meta;
  const pools = new Map([[name, seen]]);
  for (let round = 0; round < ROUNDS; round += 1) {
    const pool = pools.get(name);
    if (pool === undefined) return;
    const { ranges } = pool.summary;
    const status = planRelease(pool.status, "pool" in ranges ? ranges.pool : undefined, entries);
    if (status === undefined || (await writePool(harvester, pools, name, { status }))) return;
  }
  throw new KubeError({
    reason: "conflict",
    message: `IPPool ${name} changed ${ROUNDS} times while an address was given back`,
    dependency: harvester.connection,
  });
}
