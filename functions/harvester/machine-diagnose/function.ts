import { machineConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { diagnoseMachine } from "#functions/harvester/machine-diagnose/handler.ts";
import { diagnosisNeed } from "#functions/harvester/machine-diagnose/stuck.ts";
import { machineOnHarvester } from "#functions/harvester/machine-scope.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

export const machineDiagnose = defineFunction({
  name: "machine-diagnose",
  summary:
    "Looks once into a machine whose Node does not join in time: VM, disks, Events and cloud-init of the guest",
  on: [
    "dev.capfn.machine.created",
    "dev.capfn.machine.changed",
    "dev.capfn.cluster.changed",
    "dev.capfn.vm.created",
    "dev.capfn.vm.changed",
    "dev.capfn.step.due",
  ],
  for: harvesterMachineView,
  related: machineOnHarvester,
  needs: diagnosisNeed,
  inputs: ({ object, related }) => ({
    vm: related.vm?.meta.uid,
    provisioned: object.status.initialization?.provisioned === true,
    lookAt: object.metadata.annotations[lookAtAnnotation],
  }),
  condition: machineConditions.Diagnosed,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines"],
      verbs: ["patch"],
    },
    { api: "management", apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
    {
      api: "harvester",
      apiGroups: ["kubevirt.io"],
      resources: ["virtualmachines", "virtualmachineinstances"],
      verbs: ["get"],
    },
    { api: "harvester", apiGroups: ["harvesterhci.io"], resources: ["virtualmachineimages"], verbs: ["get"] },
    { api: "harvester", apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: ["get"] },
    { api: "harvester", apiGroups: [""], resources: ["events"], verbs: ["list"] },
  ],
  uses: ["management", "harvester", "ssh"],
  // An SSH connection, and three commands.
  timeoutMs: 120_000,
  handle: diagnoseMachine,
});
