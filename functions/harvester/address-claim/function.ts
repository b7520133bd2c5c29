import { machineConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { claimAddresses } from "#functions/harvester/address-claim/handler.ts";
import { needsClaiming, planClaims, poolsToClaim } from "#functions/harvester/address-claim/plan.ts";
import { machineInAnyCase } from "#functions/harvester/machine-scope.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

export const addressClaim = defineFunction({
  name: "address-claim",
  summary: "Claims the addresses of a machine that is to have them from IPAM providers",
  on: [
    "dev.capfn.machine.created",
    "dev.capfn.machine.changed",
    "dev.capfn.cluster.changed",
    "dev.capfn.connection.changed",
    "dev.capfn.object.changed",
  ],
  for: harvesterMachineView,
  related: machineInAnyCase,
  needs: needsClaiming,
  inputs: (view) => {
    const { make, withdraw, foreign } = planClaims(view);
    const named = [...withdraw, ...foreign].map(({ meta }) => [meta.name, meta.uid, meta.deletionTimestamp]);
    return {
      pools: poolsToClaim(view),
      unknown: view.unknown.includes("claims"),
      make: make.map(({ index }) => index),
      named,
      lookAt: view.object.metadata.annotations[lookAtAnnotation],
    };
  },
  condition: machineConditions.VMIPAllocated,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines"],
      verbs: ["get", "patch"],
    },
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines/finalizers"],
      verbs: ["update"],
    },
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddressclaims"],
      verbs: ["get", "create", "patch", "delete"],
    },
    { api: "harvester", apiGroups: ["kubevirt.io"], resources: ["virtualmachines"], verbs: ["get"] },
  ],
  uses: ["management", "harvester"],
  handle: claimAddresses,
});
