import { clusterConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import type { Need } from "#functions/contract/function.ts";
import { isReported } from "#functions/harvester/cluster-report.ts";
import { provisionLoadBalancer } from "#functions/harvester/lb-provision/handler.ts";
import { planOf } from "#functions/harvester/lb-provision/plan.ts";
import {
  loadBalancerWorld,
  type LoadBalancerProvisionView,
} from "#functions/harvester/lb-provision/world.ts";
import { poolKey } from "#functions/harvester/pool-entries.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";

/** An address comes in less; only what lasts longer is worth a status that says "not yet". */
const GRACE_MS = 5_000;

export const lbProvision = defineFunction({
  name: "lb-provision",
  summary:
    "Reserves an address for the control plane, makes its load balancer and keeps it right, writes the endpoint once",
  on: [
    "dev.capfn.cluster.created",
    "dev.capfn.cluster.changed",
    "dev.capfn.machine.created",
    "dev.capfn.vm.created",
    "dev.capfn.ippool.changed",
    "dev.capfn.object.changed",
    "dev.capfn.connection.changed",
    "dev.capfn.step.due",
  ],
  for: harvesterClusterView,
  related: loadBalancerWorld,
  key: (view) => {
    const { pool } = view.related;
    return planOf(view).step.kind === "reserve" && pool !== undefined
      ? poolKey(pool.meta)
      : `harvesterclusters/${view.object.meta.uid}`;
  },
  needs,
  inputs: (view) => ({
    plan: planOf(view),
    shown: findCondition(view.object.status.conditions, clusterConditions.LoadBalancerReady),
    // The same step may be due once more, on the next object of the name.
    service: view.related.service?.meta.resourceVersion,
    balancer: view.related.balancer?.meta.resourceVersion,
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
  }),
  condition: clusterConditions.LoadBalancerReady,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvesterclusters", "harvesterclusters/status"],
      verbs: ["patch"],
    },
    { api: "harvester", apiGroups: [""], resources: ["services"], verbs: ["create", "patch"] },
    {
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["loadbalancers"],
      verbs: ["create", "patch"],
    },
    {
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["ippools"],
      verbs: ["get", "patch"],
    },
  ],
  uses: ["management", "harvester"],
  handle: provisionLoadBalancer,
});

function needs(view: LoadBalancerProvisionView): Need {
  const { step, verdict, passing } = planOf(view);
  if (step.kind !== "none") return true;
  if (verdict === undefined || isReported(view.object, clusterConditions.LoadBalancerReady, verdict))
    return false;
  if (!passing) return true;
  const { service, balancer, vms } = view.related;
  const since = [service, balancer, ...vms].map((each) => Date.parse(each?.meta.creationTimestamp ?? ""));
  return new Date(Math.max(0, ...since.filter((time) => !Number.isNaN(time))) + GRACE_MS);
}
