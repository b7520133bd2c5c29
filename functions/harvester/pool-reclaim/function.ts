import { clusterConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import type { Need } from "#functions/contract/function.ts";
import { poolKey } from "#functions/harvester/pool-entries.ts";
import { reclaimAddresses } from "#functions/harvester/pool-reclaim/handler.ts";
import { leakyPools, unmarkedPools } from "#functions/harvester/pool-reclaim/work.ts";
import { poolWorld, type PoolView } from "#functions/harvester/pool-reclaim/pool-world.ts";
import { poolConditions } from "#functions/harvester/pool-reclaim/report.ts";
import { findCondition, sameConditions } from "#platform/cluster-api/conditions.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";

/** Machines that are made together begin to wait one after the other; what is short is told once, of all of them. */
const TOGETHER_MS = 5_000;

export const poolReclaim = defineFunction({
  name: "pool-reclaim",
  summary:
    "Takes addresses of machines that no longer exist back into IPPools that run out, and says what is missing",
  on: [
    "dev.capfn.cluster.created",
    "dev.capfn.cluster.changed",
    "dev.capfn.machine.changed",
    "dev.capfn.machine.deleted",
    "dev.capfn.vm.deleted",
    "dev.capfn.ippool.changed",
    "dev.capfn.connection.changed",
    "dev.capfn.step.due",
  ],
  for: harvesterClusterView,
  related: poolWorld,
  key: (view) => {
    const pool = unmarkedPools(view)[0] ?? leakyPools(view)[0]?.pool;
    return pool === undefined ? `pools-of/${view.object.meta.uid}` : poolKey(pool.meta);
  },
  needs,
  inputs: (view) => ({
    unmarked: unmarkedPools(view).map(({ meta }) => meta.uid),
    leaks: leakyPools(view).map(({ pool, leaks }) => [
      pool.meta.uid,
      leaks.map(({ address, id }) => [address, id]),
    ]),
    conditions: poolConditions(view),
    // A status that somebody put back is a new reason to write.
    shown: poolConditions(view).map(({ type }) => findCondition(view.object.status.conditions, type)),
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
  }),
  condition: clusterConditions.AddressesAvailable,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines", "harvesterclusters"],
      verbs: ["get"],
    },
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvesterclusters/status"],
      verbs: ["patch"],
    },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get"] },
    {
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["ippools"],
      verbs: ["get", "patch"],
    },
    { api: "harvester", apiGroups: ["kubevirt.io"], resources: ["virtualmachines"], verbs: ["get", "list"] },
    { api: "harvester", apiGroups: ["kubevirt.io"], resources: ["virtualmachineinstances"], verbs: ["list"] },
  ],
  uses: ["management", "harvester"],
  handle: reclaimAddresses,
});

function needs(view: PoolView): Need {
  if (unmarkedPools(view).length > 0 || leakyPools(view).length > 0) return true;
  if (sameConditions(view.object.status.conditions, poolConditions(view))) return false;
  const since = view.related.waiting.map(({ meta }) => Date.parse(meta.creationTimestamp ?? ""));
  const newest = Math.max(0, ...since.filter((time) => !Number.isNaN(time)));
  return newest === 0 ? true : new Date(newest + TOGETHER_MS);
}
