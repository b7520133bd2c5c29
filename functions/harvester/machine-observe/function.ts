import { machineConditions } from "#api/condition-names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { needsObservation } from "#functions/harvester/machine-observe/desired-status.ts";
import { observeMachine } from "#functions/harvester/machine-observe/handler.ts";
import { lifecycle } from "#functions/harvester/machine-observe/lifecycle.ts";
import { machineReport } from "#functions/harvester/machine-observe/machine-report.ts";
import { missingMarks } from "#functions/harvester/machine-observe/missing-marks.ts";
import { machineWorld } from "#functions/harvester/machine-observe/observed-machine.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

export const machineObserve = defineFunction({
  name: "machine-observe",
  summary: "Projects the VM, its addresses and what holds them up into the machine's providerID and status",
  on: [
    "dev.capfn.machine.created",
    "dev.capfn.machine.changed",
    "dev.capfn.machine.deleting",
    "dev.capfn.cluster.changed",
    "dev.capfn.vm.created",
    "dev.capfn.vm.changed",
    "dev.capfn.vm.deleting",
    "dev.capfn.vm.deleted",
    "dev.capfn.ippool.changed",
    "dev.capfn.image.changed",
    "dev.capfn.keypair.changed",
    "dev.capfn.secret.changed",
    "dev.capfn.connection.changed",
    "dev.capfn.step.due",
  ],
  for: harvesterMachineView,
  related: machineWorld,
  needs: needsObservation,
  // The version too: a status somebody put back to what it was is a new reason to write.
  inputs: (view) => ({
    version: view.object.meta.resourceVersion,
    marks: missingMarks(view, lifecycle(view)),
    report: machineReport(view),
  }),
  condition: machineConditions.Ready,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines", "harvestermachines/status"],
      verbs: ["patch"],
    },
  ],
  uses: ["management"],
  handle: observeMachine,
});
