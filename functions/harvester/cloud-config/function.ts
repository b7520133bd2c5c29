import { clusterConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { provideCloudConfig } from "#functions/harvester/cloud-config/handler.ts";
import { planOf, wantedOf } from "#functions/harvester/cloud-config/plan.ts";
import { AUTHORITY, cloudConfigWorld } from "#functions/harvester/cloud-config/world.ts";
import { isReported } from "#functions/harvester/cluster-report.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { CLOUD_CONFIG_ANNOTATION, harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";

const condition = clusterConditions.CloudProviderConfigReady;

export const cloudConfig = defineFunction({
  name: "cloud-config",
  summary:
    "Makes credentials for Harvester's cloud provider, puts them into the cluster's manifests, renews them, and takes them back",
  on: [
    "dev.capfn.cluster.created",
    "dev.capfn.cluster.changed",
    "dev.capfn.object.changed",
    "dev.capfn.connection.changed",
    "dev.capfn.step.due",
  ],
  for: harvesterClusterView,
  related: cloudConfigWorld,
  needs: (view) => {
    const { step, verdict, due } = planOf(view);
    if (step !== "none") return true;
    if (verdict !== undefined && !isReported(view.object, condition, verdict)) return true;
    return due ?? false;
  },
  inputs: (view) => {
    const { account, binding, ingress, authority, configMap } = view.related;
    return {
      plan: planOf(view),
      shown: findCondition(view.object.status.conditions, condition),
      mark: view.object.metadata.annotations[CLOUD_CONFIG_ANNOTATION],
      configMap: [
        configMap?.meta.uid,
        configMap?.metadata.annotations,
        configMap?.digests[wantedOf(view)?.key ?? ""],
      ],
      seen: [account, binding, ingress].map((each) => each?.meta.resourceVersion),
      authority: authority?.digests[AUTHORITY.key],
      lookAt: view.object.metadata.annotations[lookAtAnnotation],
    };
  },
  condition,
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
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get"] },
    { api: "management", apiGroups: [""], resources: ["configmaps"], verbs: ["get", "patch"] },
    {
      api: "harvester",
      apiGroups: [""],
      resources: ["serviceaccounts"],
      verbs: ["get", "create", "patch", "delete"],
    },
    { api: "harvester", apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
    {
      api: "harvester",
      apiGroups: ["rbac.authorization.k8s.io"],
      resources: ["clusterrolebindings"],
      verbs: ["get", "create", "patch", "delete"],
    },
    // Who binds a role must have all that is in it, or this right on the role.
    {
      api: "harvester",
      apiGroups: ["rbac.authorization.k8s.io"],
      resources: ["clusterroles"],
      verbs: ["bind"],
    },
    { api: "harvester", apiGroups: [""], resources: ["configmaps", "services"], verbs: ["get"] },
    // The token of the Go provider, which goes with the rest.
    { api: "harvester", apiGroups: [""], resources: ["secrets"], verbs: ["get", "delete"] },
  ],
  uses: ["management", "harvester"],
  handle: provideCloudConfig,
});
