import { machineConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { withdrawAddresses } from "#functions/harvester/address-withdraw/handler.ts";
import { deletionStep } from "#functions/harvester/deletion-step.ts";
import { ownClaims } from "#functions/harvester/machine-claims.ts";
import { machineInAnyCase } from "#functions/harvester/machine-scope.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

export const addressWithdraw = defineFunction({
  name: "address-withdraw",
  summary: "Withdraws the address claims of a deleted machine once the VM is gone",
  on: [
    "dev.capfn.machine.deleting",
    "dev.capfn.machine.changed",
    "dev.capfn.vm.deleted",
    "dev.capfn.ippool.changed",
    "dev.capfn.connection.changed",
    "dev.capfn.object.changed",
  ],
  for: harvesterMachineView,
  related: machineInAnyCase,
  needs: (view) => deletionStep(view) === "withdrawClaims",
  inputs: ({ object, related }) => ({
    claims: ownClaims(object, related).map(({ meta, metadata }) => [
      meta.name,
      meta.uid,
      meta.deletionTimestamp,
      metadata.finalizers,
    ]),
    lookAt: object.metadata.annotations[lookAtAnnotation],
  }),
  condition: machineConditions.VMIPAllocated,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines"],
      verbs: ["get"],
    },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get"] },
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddressclaims"],
      verbs: ["patch", "delete"],
    },
    { api: "harvester", apiGroups: ["kubevirt.io"], resources: ["virtualmachines"], verbs: ["get"] },
  ],
  uses: ["management", "harvester"],
  deletes: true,
  handle: withdrawAddresses,
});
