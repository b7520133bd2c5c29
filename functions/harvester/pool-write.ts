import type { StepClient } from "#functions/contract/deps.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { ipPools } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** What is written to a pool in one compare-and-set. */
export interface PoolPatch {
  readonly status: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * Writes what was computed from the version of the pool in `pools`, if that still is the newest; the pool's resource has no status
 * subresource. Either way `pools` holds the newest version afterwards, and no entry when the pool is gone. False: compute anew.
 *
 * @throws KubeError for everything but a conflict.
 */
export async function writePool(
  harvester: StepClient,
  pools: Map<string, Seen<IpPool>>,
  name: string,
  { status, annotations }: PoolPatch,
): Promise<boolean> {
  const pool = pools.get(name);
  if (pool === undefined) return false;
  try {
    const { resourceVersion } = pool.meta;
    const metadata = { resourceVersion, ...(annotations !== undefined && { annotations }) };
    const written = await harvester.mergePatch(ipPools, { name }, { metadata, status });
    const meta = { ...pool.meta, resourceVersion: written.metadata.resourceVersion };
    pools.set(name, { ...ipPoolView.schema.parse(written), meta });
    return true;
  } catch (error) {
    if (!isKubeError(error, "conflict", "notFound")) throw error;
    const fresh = await freshLook(harvester, ipPoolView, pool.meta);
    if (fresh === undefined) pools.delete(name);
    else pools.set(name, fresh);
    return false;
  }
}
