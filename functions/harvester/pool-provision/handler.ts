import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { clusterLabels } from "#functions/harvester/cluster-names.ts";
import { reportOnCluster } from "#functions/harvester/cluster-report.ts";
import { planOf, problemAt, type PoolToMake } from "#functions/harvester/pool-provision/plan.ts";
import type { ProvidedPools } from "#functions/harvester/pool-provision/world.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf } from "#platform/kube/resource.ts";
import { harvesterClusters, ipPools } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Event = StepEvent<HarvesterClusterBody, ProvidedPools>;

/** Nothing tells that a right was granted, or that a network was made. */
const ASK_AGAIN_MS = 10 * 60_000;

/** Makes the pools that the spec gives inline, with the owner's label from the first moment; then names them in the spec, and says how pools stand. */
export async function providePools(event: Event, deps: Deps): Promise<Outcome> {
  const { make, refer, conditions } = planOf(event);
  for (const pool of make) {
    const refused = await makePool(event, deps, pool);
    if (refused === undefined) continue;
    await reportOnCluster(event.object, deps, [problemAt(pool.place, refused)]);
    return requeueAfter(ASK_AGAIN_MS, refused);
  }
  // What a step writes itself wakes nobody.
  if (make.length > 0) return requeueAfter(0, "the pools that were made are named in the spec next");
  const own = Object.keys(refer).length === 0 ? event.object : await referTo(event, deps, refer);
  if (conditions.length > 0) await reportOnCluster(own, deps, conditions);
  return done();
}

/** Undefined when it was made; else why Harvester refuses. */
async function makePool(
  { object, related }: Event,
  deps: Deps,
  { name, spec }: PoolToMake,
): Promise<string | undefined> {
  const harvester = await deps.harvester(object.spec.identitySecret);
  const labels = related.cluster === undefined ? {} : clusterLabels(object, related.cluster);
  try {
    await harvester.create(ipPools, {
      apiVersion: apiVersionOf(ipPools),
      kind: ipPools.kind,
      metadata: { name, labels },
      spec,
    });
  } catch (error) {
    if (isKubeError(error, "forbidden"))
      return `the identity may not create IPPool ${name}; grant the right, or create it`;
    if (!isKubeError(error, "invalid")) throw error;
    return `Harvester refuses IPPool ${name}: its network must exist and its range overlap no other pool's; correct spec`;
  }
  deps.announce(
    { type: harvesterClusters, meta: object.meta },
    { type: "Normal", reason: "IPPoolCreated", message: `IPPool ${name} was created on Harvester` },
  );
  return undefined;
}

async function referTo(
  { object }: Event,
  deps: Deps,
  refer: ReturnType<typeof planOf>["refer"],
): Promise<Seen<HarvesterClusterBody>> {
  const { namespace, name, resourceVersion } = object.meta;
  const spec = Object.fromEntries(Object.entries(refer).map(([place, pool]) => [place, { ipPoolRef: pool }]));
  const { metadata } = await deps.management.mergePatch(
    harvesterClusters,
    { namespace, name },
    { metadata: { resourceVersion }, spec },
  );
  return { ...object, meta: { ...object.meta, resourceVersion: metadata.resourceVersion } };
}
