import { clusterConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { isReported } from "#functions/harvester/cluster-report.ts";
import { providePools } from "#functions/harvester/pool-provision/handler.ts";
import { planOf } from "#functions/harvester/pool-provision/plan.ts";
import { providedPools } from "#functions/harvester/pool-provision/world.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";

export const poolProvision = defineFunction({
  name: "pool-provision",
  summary: "Checks the IPPools a cluster names, and makes those that its spec gives inline",
  on: [
    "dev.capfn.cluster.created",
    "dev.capfn.cluster.changed",
    "dev.capfn.ippool.changed",
    "dev.capfn.connection.changed",
  ],
  for: harvesterClusterView,
  related: providedPools,
  needs: (view) => {
    const { make, refer, conditions } = planOf(view);
    return (
      make.length > 0 ||
      Object.keys(refer).length > 0 ||
      conditions.some(({ type, ...verdict }) => !isReported(view.object, type, verdict))
    );
  },
  inputs: (view) => {
    const plan = planOf(view);
    return {
      plan,
      shown: plan.conditions.map(({ type }) => findCondition(view.object.status.conditions, type)),
      lookAt: view.object.metadata.annotations[lookAtAnnotation],
    };
  },
  condition: clusterConditions.VMIPPoolReady,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvesterclusters", "harvesterclusters/status"],
      verbs: ["patch"],
    },
    {
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["ippools"],
      verbs: ["create"],
    },
  ],
  uses: ["management", "harvester"],
  handle: providePools,
});
