import { templateConditions } from "#api/condition-names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { relations } from "#functions/contract/relations.ts";
import { reportCapacity } from "#functions/harvester/template-capacity/handler.ts";
import { capacityOf, isAsleep, isCapacityShown } from "#functions/harvester/template-capacity/plan.ts";
import { clusterView } from "#platform/cluster-api/cluster.ts";
import {
  harvesterMachineTemplateView,
  type HarvesterMachineTemplateBody,
} from "#platform/cluster-api/harvester-machine-template.ts";
import { MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

export const templateCapacity = defineFunction({
  name: "template-capacity",
  summary:
    "Writes into a template's status how large its machines are, so that an autoscaler can start from none",
  on: ["dev.capfn.object.changed", "dev.capfn.cluster.changed"],
  for: harvesterMachineTemplateView,
  related: relations(harvesterMachineTemplateView).one("cluster", clusterView, clusterOf),
  needs: (view) => !isAsleep(view) && !isCapacityShown(view, capacityOf(view)),
  // With the version: a status somebody put back is a new reason to write.
  inputs: (view) => ({ wanted: capacityOf(view), version: view.object.meta.resourceVersion }),
  condition: templateConditions.CapacityReported,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachinetemplates/status"],
      verbs: ["patch"],
    },
  ],
  uses: ["management"],
  handle: reportCapacity,
});

/** Cluster API makes the Cluster an owner of every template that is in use; until then there is the label. */
function clusterOf({ meta, metadata }: Seen<HarvesterMachineTemplateBody>): ObjectRef | undefined {
  const name =
    metadata.ownerReferences.find(({ kind }) => kind === "Cluster")?.name ??
    metadata.labels["cluster.x-k8s.io/cluster-name"];
  return name === undefined ? undefined : { connection: MANAGEMENT, namespace: meta.namespace, name };
}
