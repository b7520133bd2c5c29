import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import type { InlineIPPool } from "#api/network.ts";
import { mayProvide } from "#functions/harvester/cluster-hold.ts";
import { loadBalancerPoolName, vmPoolName } from "#functions/harvester/cluster-names.ts";
import { poolClaim } from "#functions/harvester/cluster-pools.ts";
import { poolNames } from "#functions/harvester/network-config.ts";
import type { PoolProvisionView } from "#functions/harvester/pool-provision/world.ts";
import type { WantedCondition } from "#platform/cluster-api/conditions.ts";
import type { IpPoolBody } from "#platform/harvester/ip-pool-body.ts";
import { readRanges } from "#platform/harvester/ip-pool-ranges.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Where an inline pool stands in the spec. */
export type InlinePlace = "vmNetworkConfig" | "loadBalancerConfig";

/** A pool to make from the spec. */
export interface PoolToMake {
  readonly place: InlinePlace;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface PoolPlan {
  readonly make: readonly PoolToMake[];
  /** Names to write into `ipPoolRef` of these places: pools that are there and that the spec does not name yet. */
  readonly refer: Readonly<Partial<Record<InlinePlace, string>>>;
  readonly conditions: readonly WantedCondition[];
}

/** Pure. Pools are told from the world and their labels; nothing has to be remembered of what was made (a lost status loses nothing). */
export function planOf(view: PoolProvisionView): PoolPlan {
  const { object, related } = view;
  if (!mayProvide(object, related.cluster)) return { make: [], refer: {}, conditions: [] };
  const { vmNetworkConfig: vms, loadBalancerConfig: balancer } = object.spec;
  const plans = [
    ...(vms === undefined ? [] : [inlinePlan(view, "vmNetworkConfig", poolNames(vms), vms.ipPool)]),
    ...(balancer.ipamType === "pool" && balancer.ipPool !== undefined
      ? [
          inlinePlan(
            view,
            "loadBalancerConfig",
            [balancer.ipPoolRef ?? ""].filter((name) => name !== ""),
            balancer.ipPool,
          ),
        ]
      : []),
  ];
  return {
    make: plans.flatMap(({ make }) => make),
    refer: plans.reduce<PoolPlan["refer"]>((all, { refer }) => ({ ...all, ...refer }), {}),
    conditions: plans.flatMap(({ conditions }) => conditions),
  };
}

/** The pools of one place of the spec: those it names, or the one that is made from what it gives inline. */
function inlinePlan(
  view: PoolProvisionView,
  place: InlinePlace,
  named: readonly string[],
  inline: InlineIPPool | undefined,
): PoolPlan {
  const { object, related } = view;
  const generated = place === "vmNetworkConfig" ? vmPoolName(object) : loadBalancerPoolName(object);
  const pool = (name: string) => related.pools.find(({ meta }) => meta.name === name);
  const isMade = inline !== undefined && (named.length === 0 || named.join() === generated);
  if (!isMade || inline === undefined) {
    const missing = named.filter((name) => !isThere(pool(name)));
    if (named.length === 0) return told(place, "no pool is given; set ipPoolRefs, ipPoolRef or ipPool");
    return missing.length > 0
      ? told(place, `IPPool ${missing.join(", ")} does not exist; create it, or correct spec.${place}`)
      : { make: [], refer: {}, conditions: ready(place, named, undefined) };
  }
  const found = pool(generated);
  if (found?.meta.deletionTimestamp !== undefined)
    return told(place, `IPPool ${generated} is being deleted; it is made anew when it is gone`);
  if (found === undefined) {
    const spec = specOf(inline, object.spec.targetNamespace, object.meta.name);
    const read = readRanges(rangesOf(inline));
    if ("problem" in read)
      return told(place, `spec.${place}.ipPool: ${read.problem.field} ${read.problem.message}`);
    return { make: [{ place, name: generated, spec }], refer: {}, conditions: [] };
  }
  const claim = poolClaim(found, object);
  if (claim === "foreign")
    return told(
      place,
      `IPPool ${generated} exists and was made for another cluster; delete it, or name a pool in spec.${place}`,
    );
  return {
    make: [],
    refer: named.length === 0 ? { [place]: generated } : {},
    conditions: ready(place, [generated], claim === "ours"),
  };
}

function isThere(pool: Seen<IpPool> | undefined): boolean {
  return pool !== undefined && pool.meta.deletionTimestamp === undefined;
}

/** `made`: whether the pool was made for the cluster; undefined when the spec names pools itself. */
function ready(
  place: InlinePlace,
  names: readonly string[],
  made: boolean | undefined,
): readonly WantedCondition[] {
  const status = "True" as const;
  const message = made === true ? `IPPool ${names.join(", ")} was made for the cluster` : "";
  if (place === "loadBalancerConfig") {
    // Of a pool that was there before nothing was made.
    return made === true
      ? [
          {
            type: clusterConditions.CustomIPPoolCreated,
            status,
            reason: clusterReasons.CustomIPPoolCreatedSuccessfully,
            message,
          },
        ]
      : [];
  }
  return [
    {
      type: clusterConditions.VMIPPoolReady,
      status,
      reason: clusterReasons.VMIPPoolReady,
      message: `pools: ${names.join(", ")}`,
    },
    ...(made === true
      ? [
          {
            type: clusterConditions.VMIPPoolCreatedByController,
            status,
            reason: clusterReasons.VMIPPoolCreatedByController,
            message,
          },
        ]
      : []),
  ];
}

/** What is wrong, in the words of the place's condition. */
export function problemAt(place: InlinePlace, message: string): WantedCondition {
  return place === "vmNetworkConfig"
    ? {
        type: clusterConditions.VMIPPoolReady,
        status: "False",
        reason: clusterReasons.VMIPPoolCreationFailed,
        message,
      }
    : {
        type: clusterConditions.CustomIPPoolCreated,
        status: "False",
        reason: clusterReasons.CustomPoolCreationInHarvesterFailed,
        message,
      };
}

function told(place: InlinePlace, message: string): PoolPlan {
  return { make: [], refer: {}, conditions: [problemAt(place, message)] };
}

function rangesOf({ subnet, gateway, rangeStart, rangeEnd }: InlineIPPool): IpPoolBody["spec"] {
  return { ranges: [{ subnet, gateway, rangeStart, rangeEnd }], selector: {} };
}

function specOf(inline: InlineIPPool, namespace: string, cluster: string): Readonly<Record<string, unknown>> {
  const { vmNetwork, subnet, gateway, rangeStart, rangeEnd } = inline;
  return {
    description: `Made for cluster ${cluster}`,
    ranges: [
      {
        subnet,
        gateway,
        ...(rangeStart !== undefined && { rangeStart }),
        ...(rangeEnd !== undefined && { rangeEnd }),
      },
    ],
    selector: { network: vmNetwork.includes("/") ? vmNetwork : `${namespace}/${vmNetwork}` },
  };
}
