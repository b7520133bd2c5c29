import { clusterConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import type { Need } from "#functions/contract/function.ts";
import { isReported } from "#functions/harvester/cluster-report.ts";
import { deleteCluster } from "#functions/harvester/cluster-delete/handler.ts";
import { deleteStep } from "#functions/harvester/cluster-delete/plan.ts";
import { leftOfCluster, type ClusterDeleteView } from "#functions/harvester/cluster-delete/world.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { configMapView } from "#platform/cluster-api/config-map.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";

/** What a deletion waits for is told when it takes longer. */
const GRACE_MS = 5_000;

export const clusterDelete = defineFunction({
  name: "cluster-delete",
  summary:
    "Deletes what was made for a deleted cluster on Harvester (credentials, load balancer, Service, address, pools), then the finalizer",
  on: [
    "dev.capfn.cluster.deleting",
    "dev.capfn.cluster.changed",
    "dev.capfn.machine.deleted",
    "dev.capfn.ippool.changed",
    "dev.capfn.object.changed",
    "dev.capfn.connection.changed",
    "dev.capfn.step.due",
  ],
  for: harvesterClusterView,
  related: leftOfCluster,
  writes: [configMapView],
  needs,
  inputs: (view) => {
    const { balancer, service, pools } = view.related;
    return {
      step: deleteStep(view).kind,
      wait: waitOf(view),
      shown: findCondition(view.object.status.conditions, clusterConditions.Deleting),
      seen: [balancer, service, ...pools].map((each) => each?.meta.resourceVersion),
      lookAt: view.object.metadata.annotations[lookAtAnnotation],
    };
  },
  condition: clusterConditions.Deleting,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvesterclusters"],
      verbs: ["get", "patch"],
    },
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvesterclusters/status"],
      verbs: ["patch"],
    },
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines"],
      verbs: ["get", "list"],
    },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get"] },
    {
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["loadbalancers"],
      verbs: ["get", "delete"],
    },
    {
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["ippools"],
      verbs: ["get", "patch", "delete"],
    },
    { api: "management", apiGroups: [""], resources: ["configmaps"], verbs: ["get", "patch"] },
    { api: "harvester", apiGroups: [""], resources: ["services"], verbs: ["get", "delete"] },
    {
      api: "harvester",
      apiGroups: [""],
      resources: ["serviceaccounts", "secrets"],
      verbs: ["get", "delete"],
    },
    {
      api: "harvester",
      apiGroups: ["rbac.authorization.k8s.io"],
      resources: ["clusterrolebindings"],
      verbs: ["get", "delete"],
    },
    { api: "harvester", apiGroups: ["kubevirt.io"], resources: ["virtualmachines"], verbs: ["get"] },
  ],
  // Not "harvester": what is held back while it does not answer could not be given up either.
  uses: ["management"],
  deletes: true,
  handle: deleteCluster,
});

function waitOf(view: ClusterDeleteView) {
  const step = deleteStep(view);
  if (step.kind !== "waiting") return undefined;
  return { status: "True", reason: step.reason, message: step.message } as const;
}

function needs(view: ClusterDeleteView): Need {
  const step = deleteStep(view);
  if (step.kind === "none") return false;
  const wait = waitOf(view);
  if (wait === undefined) return true;
  if (isReported(view.object, clusterConditions.Deleting, wait)) return false;
  return new Date(Date.parse(view.object.meta.deletionTimestamp ?? "") + GRACE_MS);
}
