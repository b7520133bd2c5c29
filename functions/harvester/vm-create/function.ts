import { machineConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { hadVm, isOurs } from "#functions/harvester/ownership.ts";
import { createVm } from "#functions/harvester/vm-create/handler.ts";
import { planOf, type CreateView } from "#functions/harvester/vm-create/plan.ts";
import { machineWithIngredients } from "#functions/harvester/vm-ingredients.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

/** The step that makes a machine's VM, once. */
export const vmCreate = defineFunction({
  name: "vm-create",
  summary: "Creates the cloud-init Secret and the VM of a machine on Harvester",
  on: [
    "dev.capfn.machine.created",
    "dev.capfn.machine.changed",
    "dev.capfn.cluster.changed",
    "dev.capfn.ippool.changed",
    "dev.capfn.image.changed",
    "dev.capfn.keypair.changed",
    "dev.capfn.secret.changed",
    "dev.capfn.connection.changed",
  ],
  for: harvesterMachineView,
  related: machineWithIngredients,
  needs,
  inputs,
  condition: machineConditions.VMProvisioningReady,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines"],
      verbs: ["get", "patch"],
    },
    { api: "management", apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
    { api: "harvester", apiGroups: [""], resources: ["secrets"], verbs: ["get", "create", "update"] },
    {
      api: "harvester",
      apiGroups: ["kubevirt.io"],
      resources: ["virtualmachines"],
      verbs: ["get", "create"],
    },
  ],
  uses: ["management", "harvester"],
  handle: createVm,
});

/**
 * Whether the VM has to be made. Not when it once was: a VM that was lost afterwards is for Cluster API to replace, with a new Machine.
 */
function needs(view: CreateView): boolean {
  const { object: own, related } = view;
  if (hadVm(own) || (related.vm !== undefined && isOurs(related.vm, own))) return false;
  return planOf(view) !== undefined;
}

function inputs(view: CreateView): unknown {
  const { object: own, related } = view;
  return {
    spec: own.spec,
    machine: related.machine?.spec,
    labels: [related.machine?.metadata.labels, own.metadata.labels],
    cluster: related.harvesterCluster?.spec,
    failureDomains: related.harvesterCluster?.status.failureDomains,
    addresses: planOf(view)?.statics,
    vm: related.vm?.meta.uid,
    images: related.images.map(({ meta, spec, status }) => [meta.uid, meta.deletionTimestamp, spec, status]),
    keyPair: [related.keyPair?.spec, related.keyPair?.meta.deletionTimestamp],
    // New content may be sound where the old was not.
    bootstrap: [related.bootstrap?.meta.uid, related.bootstrap?.metadata.resourceVersion],
    // A person may know that something has changed which no watch tells of.
    lookAt: own.metadata.annotations[lookAtAnnotation],
  };
}
