import { machineConditions } from "#api/condition-names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { machineInAnyCase } from "#functions/harvester/machine-scope.ts";
import { hadVm } from "#functions/harvester/ownership.ts";
import { needsObservation } from "#functions/harvester/machine-observe/desired-status.ts";
import { observeMachine } from "#functions/harvester/machine-observe/handler.ts";
import { lifecycle } from "#functions/harvester/machine-observe/lifecycle.ts";
import { machineReport } from "#functions/harvester/machine-observe/machine-report.ts";
import { missingProviderId } from "#functions/harvester/machine-observe/provider-id.ts";
import { effectiveNetwork } from "#functions/harvester/network-config.ts";
import { imageQueries, keyPairRef } from "#functions/harvester/vm-ingredients.ts";
import { connectionStateRef, connectionStateView } from "#platform/cluster-api/connection-state.ts";
import { harvesterMachineView, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { nodeView } from "#platform/cluster-api/node.ts";
import { imageView, keyPairView } from "#platform/harvester/image.ts";
import { ipPoolView } from "#platform/harvester/ip-pool.ts";
import type { VirtualMachine } from "#platform/harvester/virtual-machine.ts";
import { harvesterConnection, workloadConnection, type Seen } from "#platform/kube/view.ts";

/** Everything beyond the management cluster is optional: a machine is reported on also while Harvester cannot be reached. */
const machineWorld = machineInAnyCase
  .one("connection", connectionStateView, (_own, { harvesterCluster }) =>
    harvesterCluster === undefined
      ? undefined
      : connectionStateRef(harvesterConnection(harvesterCluster.spec.identitySecret)),
  )
  .several(
    "pools",
    ipPoolView,
    (own, { harvesterCluster, vm, heldIn }) => {
      const network = effectiveNetwork(own, harvesterCluster);
      if (harvesterCluster === undefined || network.kind !== "pool") return [];
      if (heldIn.length > 0 || !isToBeMade(own, vm)) return [];
      const connection = harvesterConnection(harvesterCluster.spec.identitySecret);
      return network.pools.map((name) => ({ connection, name }));
    },
    { optional: true },
  )
  .matching(
    "images",
    imageView,
    (own, { harvesterCluster, vm }) => (isToBeMade(own, vm) ? imageQueries(own, harvesterCluster) : []),
    { optional: true },
  )
  .one(
    "keyPair",
    keyPairView,
    (own, { harvesterCluster, vm }) => (isToBeMade(own, vm) ? keyPairRef(own, harvesterCluster) : undefined),
    { optional: true },
  )
  .matching(
    "nodes",
    nodeView,
    (own, { cluster, vm }) => {
      // Before there is a VM there is no Node, and no reason to connect to the workload cluster.
      if ((own.spec.providerID ?? "") !== "" || vm === undefined || cluster === undefined) return [];
      const { namespace, name } = cluster.meta;
      const connection = workloadConnection({ namespace: namespace ?? "", name });
      return [{ connection, index: "identity", value: own.meta.name }];
    },
    { optional: true, wake: "none" },
  );

/** What a VM needs is looked at only until there is one. */
function isToBeMade(own: Seen<HarvesterMachineBody>, vm: Seen<VirtualMachine> | undefined): boolean {
  return vm === undefined && !hadVm(own) && own.meta.deletionTimestamp === undefined;
}

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
    "dev.capfn.connection.changed",
    "dev.capfn.step.due",
  ],
  for: harvesterMachineView,
  related: machineWorld,
  needs: needsObservation,
  // The version too: a status somebody put back to what it was is a new reason to write.
  inputs: (view) => ({
    version: view.object.meta.resourceVersion,
    providerId: missingProviderId(view, lifecycle(view)),
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
