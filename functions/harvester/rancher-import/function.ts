import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { isReported, type Verdict } from "#functions/harvester/cluster-report.ts";
import { isIdle, ownerCluster } from "#functions/harvester/owner-cluster.ts";
import { integrateWithFleet } from "#functions/harvester/rancher-import/handler.ts";
import { clusterView, RANCHER_IMPORT_LABEL, type Cluster } from "#platform/cluster-api/cluster.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { Seen } from "#platform/kube/view.ts";

type ImportView = View<HarvesterClusterBody, { readonly cluster: Seen<Cluster> | undefined }>;

/** In the words of the Go provider. */
const notApplicable: Verdict = {
  status: "True",
  reason: clusterReasons.FleetIntegrationNotApplicable,
  message: "Cluster does not have rancher-auto-import label",
};

export const rancherImport = defineFunction({
  name: "rancher-import",
  summary:
    "Puts a cluster that Rancher imports into its Fleet workspace, with the labels that Fleet deploys by",
  on: ["dev.capfn.cluster.created", "dev.capfn.cluster.changed", "dev.capfn.step.due"],
  for: harvesterClusterView,
  related: relations(harvesterClusterView).one("cluster", clusterView, ownerCluster),
  // Rancher may not be installed, so its objects are not watched: while a cluster is to be imported, the step looks, and looks again.
  needs: (view) =>
    isCared(view) &&
    (isWanted(view)
      ? view.object.status.ready === true
      : !isReported(view.object, clusterConditions.FleetIntegrationReady, notApplicable)),
  inputs: (view) => ({
    wanted: isWanted(view),
    labels: view.related.cluster?.metadata.labels,
    cluster: view.related.cluster?.meta.uid,
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
  }),
  condition: clusterConditions.FleetIntegrationReady,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvesterclusters/status"],
      verbs: ["patch"],
    },
    { api: "management", apiGroups: ["provisioning.cattle.io"], resources: ["clusters"], verbs: ["get"] },
    {
      api: "management",
      apiGroups: ["management.cattle.io"],
      resources: ["clusters"],
      verbs: ["get", "patch"],
    },
    { api: "management", apiGroups: ["fleet.cattle.io"], resources: ["clusters"], verbs: ["get", "patch"] },
  ],
  uses: ["management"],
  handle: (event, deps) => integrateWithFleet(event, deps, isWanted(event) ? undefined : notApplicable),
});

function isCared({ object, related }: ImportView): boolean {
  return !isIdle(object, related.cluster);
}

function isWanted({ related }: ImportView): boolean {
  return related.cluster?.metadata.labels[RANCHER_IMPORT_LABEL] === "true";
}
