import { machineConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineBatchFunction } from "#functions/contract/define.ts";
import { machineInAnyCase } from "#functions/harvester/machine-scope.ts";
import { deletionStep } from "#functions/harvester/deletion-step.ts";
import { releaseAddresses } from "#functions/harvester/ip-release/handler.ts";
import { ownEntries, poolKey } from "#functions/harvester/pool-entries.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

export const ipRelease = defineBatchFunction({
  name: "ip-release",
  summary: "Gives the address of a deleted machine back to its IPPool once the VM is gone",
  on: [
    "dev.capfn.machine.deleting",
    "dev.capfn.machine.changed",
    "dev.capfn.vm.deleted",
    "dev.capfn.ippool.changed",
    "dev.capfn.connection.changed",
  ],
  for: harvesterMachineView,
  related: machineInAnyCase,
  key: (view) => {
    const [entry] =
      deletionStep(view) === "releaseAddress" ? ownEntries(view.object, view.related.heldIn) : [];
    const pool = view.related.heldIn.find(({ meta }) => meta.name === entry?.pool);
    return pool === undefined ? `harvestermachines/${view.object.meta.uid}` : poolKey(pool.meta);
  },
  needs: (view) => deletionStep(view) === "releaseAddress",
  inputs: (view) => ({
    held: ownEntries(view.object, view.related.heldIn),
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
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
    { api: "harvester", apiGroups: ["kubevirt.io"], resources: ["virtualmachines"], verbs: ["get"] },
    {
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["ippools"],
      verbs: ["get", "patch"],
    },
  ],
  uses: ["management", "harvester"],
  deletes: true,
  handleBatch: releaseAddresses,
});
