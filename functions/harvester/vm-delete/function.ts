import { machineConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { machineInAnyCase } from "#functions/harvester/machine-scope.ts";
import { deletionStop } from "#functions/harvester/deletion-guard.ts";
import { deletionStep, type DeletionStep } from "#functions/harvester/deletion-step.ts";
import { deleteMachine } from "#functions/harvester/vm-delete/handler.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

/** Steps of a deletion that are ours; the others are someone else's turn. */
const ourTurn: readonly DeletionStep[] = ["abandoned", "stopped", "deleteVm", "finish"];

export const vmDelete = defineFunction({
  name: "vm-delete",
  summary: "Deletes the VM of a deleted machine, then its disks and Secret, then the finalizer",
  on: [
    "dev.capfn.machine.deleting",
    "dev.capfn.machine.changed",
    "dev.capfn.cluster.changed",
    "dev.capfn.vm.changed",
    "dev.capfn.vm.deleting",
    "dev.capfn.vm.deleted",
    "dev.capfn.ippool.changed",
    "dev.capfn.connection.changed",
  ],
  for: harvesterMachineView,
  related: machineInAnyCase,
  needs: (view) => ourTurn.includes(deletionStep(view)),
  inputs: (view) => ({
    step: deletionStep(view),
    stop: deletionStop(view)?.message,
    vm: view.related.vm?.meta.uid,
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
  }),
  condition: machineConditions.InfrastructureReady,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines"],
      verbs: ["get", "patch"],
    },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get"] },
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddressclaims"],
      verbs: ["get", "patch"],
    },
    {
      api: "harvester",
      apiGroups: ["kubevirt.io"],
      resources: ["virtualmachines"],
      verbs: ["get", "delete"],
    },
    {
      api: "harvester",
      apiGroups: [""],
      resources: ["persistentvolumeclaims"],
      verbs: ["list", "delete", "deletecollection"],
    },
    {
      api: "harvester",
      apiGroups: [""],
      resources: ["secrets"],
      verbs: ["get", "delete", "deletecollection"],
    },
  ],
  uses: ["management", "harvester"],
  deletes: true,
  handle: deleteMachine,
});
