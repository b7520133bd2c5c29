import * as z from "zod";
import { isKubeError } from "#platform/kube/errors.ts";
import { objectMetaSchema } from "#platform/kube/resource.ts";
import { ipPools, networkAttachmentDefinitions } from "#platform/kube/resources.ts";
import { type KeyedWorker, startKeyedWorker } from "#platform/simulator/keyed-worker.ts";
import { type ObjectStore, watchObjects } from "#platform/simulator/object-store.ts";
import { checkPool, type Pool, poolSchema, poolStatus } from "#platform/simulator/pool-status.ts";
import { type SimulatedWorld, timeOf } from "#platform/simulator/simulated-world.ts";

/** Plays Harvester's controller of IPPools. */
export interface PoolController extends Pick<KeyedWorker, "stop"> {
  readonly pools: ObjectStore<Pool>;
}

export async function startPoolController(world: SimulatedWorld): Promise<PoolController> {
  const options = { signal: world.signal, onUnreadable: (what: string) => world.onError(what, undefined) };
  const networks = watchObjects(world.client, networkAttachmentDefinitions, {
    ...options,
    schema: z.looseObject({ metadata: objectMetaSchema }),
  });
  const pools = watchObjects(world.client, ipPools, { ...options, scope: world.scope, schema: poolSchema });
  await Promise.all([networks.synced, pools.synced]);
  /** The ranges last counted, by uid. As in Harvester it is forgotten with the process. */
  const counted = new Map<string, string>();

  const worker = startKeyedWorker({
    clock: world.clock,
    // One at a time: of two pools that overlap, the first one seen is the good one.
    concurrency: 1,
    onError: (key, error) => {
      // Somebody took or returned an address meanwhile; the watch brings what is new.
      if (!isKubeError(error, "conflict", "notFound")) world.onError(`IPPool ${key}`, error);
    },
    run: async (key) => {
      const pool = pools.get(key);
      if (pool === undefined || pool.metadata.deletionTimestamp !== undefined) return undefined;
      const ranges = JSON.stringify([pool.spec.ranges, pool.spec.selector.network]);
      if (counted.get(pool.metadata.uid) === ranges) return undefined;
      counted.delete(pool.metadata.uid);
      const good = [...pools.values()].filter((other) => counted.has(other.metadata.uid));
      const checked = checkPool(pool, good, (network) => networks.get(network) !== undefined);
      const reported = pool.status?.conditions.find(({ type }) => type === "Ready")?.message;
      if ("problem" in checked && reported === checked.problem) return undefined;
      const { uid, resourceVersion } = pool.metadata;
      const patch = {
        metadata: { uid, resourceVersion },
        status: poolStatus(pool, checked, timeOf(world.clock)),
      };
      pools.put(await world.client.mergePatch(ipPools, pool.metadata, patch, { signal: world.signal }));
      if ("ranges" in checked) counted.set(uid, ranges);
      return undefined;
    },
  });
  pools.onChange((key, now, before) => {
    if (now === undefined && before !== undefined) counted.delete(before.metadata.uid);
    worker.request(key);
    // It may have been what another one overlapped.
    if (now === undefined) recheck();
  });
  const recheck = (): void => {
    for (const pool of pools.values()) {
      if (!counted.has(pool.metadata.uid)) worker.request(pool.metadata.name);
    }
  };
  networks.onChange(recheck);
  recheck();
  return { pools, stop: () => worker.stop() };
}
