import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { clusterLabels, loadBalancerHolder, loadBalancerName } from "#functions/harvester/cluster-names.ts";
import { reportOnCluster } from "#functions/harvester/cluster-report.ts";
import { planOf, type Step } from "#functions/harvester/lb-provision/plan.ts";
import {
  API_PORT,
  serviceLabels,
  wantedBalancer,
  wantedService,
} from "#functions/harvester/lb-provision/wanted.ts";
import type { LoadBalancerWorld } from "#functions/harvester/lb-provision/world.ts";
import { endpointOf } from "#functions/harvester/owner-cluster.ts";
import { writePool } from "#functions/harvester/pool-write.ts";
import { ENDPOINT_ANNOTATION, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { openPool } from "#platform/harvester/ip-pool-allocation.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf, type NewObject, type ResourceType } from "#platform/kube/resource.ts";
import { harvesterClusters, loadBalancers, services } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Event = StepEvent<HarvesterClusterBody, LoadBalancerWorld>;

/** Nothing tells that a right was granted, or that Harvester's rules were changed. */
const ASK_AGAIN_MS = 10 * 60_000;

/** Does the one thing the plan names, then says how the load balancer stands. */
export async function provisionLoadBalancer(event: Event, deps: Deps): Promise<Outcome> {
  const { step, verdict } = planOf(event);
  let own: Seen<HarvesterClusterBody> = event.object;
  try {
    if (step.kind === "writeEndpoint") own = await writeEndpoint(event, deps, step.host);
    else if (step.kind !== "none") await act(step, event, deps);
  } catch (error) {
    if (!isKubeError(error, "forbidden", "invalid")) throw error;
    const what = `${step.kind === "reserve" ? "an address" : "the load balancer"} in namespace ${own.spec.targetNamespace}`;
    const message = isKubeError(error, "forbidden")
      ? `the identity has not the right for ${what}; grant it`
      : `Harvester refuses ${what}; check spec.loadBalancerConfig`;
    await reportOnCluster(own, deps, [
      {
        type: clusterConditions.LoadBalancerReady,
        status: "False",
        reason: clusterReasons.LoadBalancerNotReady,
        message,
      },
    ]);
    return requeueAfter(ASK_AGAIN_MS, message);
  }
  // What a step writes itself wakes nobody: it is looked at again at once, mostly to find that it is Harvester's turn.
  if (step.kind !== "none" && step.kind !== "writeEndpoint") return requeueAfter(0, `${step.kind} was done`);
  if (verdict !== undefined)
    await reportOnCluster(own, deps, [{ type: clusterConditions.LoadBalancerReady, ...verdict }]);
  return done();
}

async function act(step: Step, event: Event, deps: Deps): Promise<void> {
  const { object, related } = event;
  const harvester = await deps.harvester(object.spec.identitySecret);
  const at = { namespace: object.spec.targetNamespace, name: loadBalancerName(object) };
  const make = async (
    type: ResourceType,
    made: Pick<NewObject, "metadata"> & { spec: unknown },
  ): Promise<void> => {
    await harvester.create(type, { apiVersion: apiVersionOf(type), kind: type.kind, ...made });
    deps.announce(
      { type: harvesterClusters, meta: object.meta },
      {
        type: "Normal",
        reason: `${type.kind}Created`,
        message: `${type.kind} ${loadBalancerHolder(object)} was created on Harvester`,
      },
    );
  };
  switch (step.kind) {
    case "reserve": {
      const address = await reserve(event, deps, step.only);
      // Another one was faster: the pool as it is now decides.
      if (address === undefined) return;
      if (related.service === undefined) {
        await make(services, {
          metadata: { ...at, labels: serviceLabels(event) },
          spec: wantedService(address),
        });
      }
      return;
    }
    case "createService":
      await make(services, {
        metadata: { ...at, labels: serviceLabels(event) },
        spec: wantedService(step.address),
      });
      return;
    case "createBalancer": {
      const labels = related.cluster === undefined ? {} : clusterLabels(object, related.cluster);
      await make(loadBalancers, { metadata: { ...at, labels }, spec: wantedBalancer(event) });
      return;
    }
    case "repairService":
    case "repairBalancer": {
      const [type, seen] =
        step.kind === "repairService" ? [services, related.service] : [loadBalancers, related.balancer];
      if (seen === undefined) return;
      const metadata = { ...metadataOf(step.patch), resourceVersion: seen.meta.resourceVersion };
      await harvester.mergePatch(type, at, { ...step.patch, metadata });
      return;
    }
    case "none":
    case "writeEndpoint":
  }
}

function metadataOf({ metadata }: Readonly<Record<string, unknown>>): object {
  return typeof metadata === "object" && metadata !== null ? metadata : {};
}

const ROUNDS = 4;

/** Reserves an address under the id that Harvester's own controller uses, so that it finds it for the LoadBalancer. */
async function reserve(
  { object, related }: Event,
  deps: Deps,
  only: string | undefined,
): Promise<string | undefined> {
  if (related.pool === undefined) return undefined;
  const { name } = related.pool.meta;
  const harvester = await deps.harvester(object.spec.identitySecret);
  const pools = new Map([[name, related.pool]]);
  const id = loadBalancerHolder(object);
  for (let round = 0; round < ROUNDS; round += 1) {
    const pool = pools.get(name);
    const ranges = pool?.summary.ranges;
    if (pool === undefined || ranges === undefined || "problem" in ranges) return undefined;
    const open = openPool(pool.status, ranges.pool);
    const claim = { id, heldAs: [id], formerlyAs: [id], only };
    const address = open.held(claim) ?? open.take(claim);
    const status = open.patch();
    if (address === undefined || status === undefined) return address;
    if (await writePool(harvester, pools, name, { status })) return address;
  }
  return undefined;
}

async function writeEndpoint(
  { object }: Event,
  deps: Deps,
  host: string,
): Promise<Seen<HarvesterClusterBody>> {
  const { namespace, name, resourceVersion } = object.meta;
  const { metadata } = await deps.management.mergePatch(
    harvesterClusters,
    { namespace, name },
    {
      metadata: { resourceVersion, annotations: { [ENDPOINT_ANNOTATION]: "load-balancer" } },
      ...(endpointOf(object) === undefined && { spec: { controlPlaneEndpoint: { host, port: API_PORT } } }),
    },
  );
  return {
    ...object,
    meta: { ...object.meta, resourceVersion: metadata.resourceVersion, generation: metadata.generation },
  };
}
