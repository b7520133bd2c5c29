import { machineConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineBatchFunction } from "#functions/contract/define.ts";
import { allocateAddresses } from "#functions/harvester/ip-allocate/handler.ts";
import {
  allocationScope,
  judge,
  poolInTurn,
  wantsAddress,
} from "#functions/harvester/ip-allocate/waiting-machine.ts";
import { poolKey } from "#functions/harvester/pool-entries.ts";
import { isUsable, whyNoAddress } from "#functions/harvester/pool-candidates.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

export const ipAllocate = defineBatchFunction({
  name: "ip-allocate",
  summary: "Reserves an address of an IPPool for each machine that waits for one",
  on: [
    "dev.capfn.machine.created",
    "dev.capfn.machine.changed",
    "dev.capfn.cluster.changed",
    "dev.capfn.ippool.changed",
    "dev.capfn.connection.changed",
  ],
  for: harvesterMachineView,
  related: allocationScope,
  key: (view) => {
    const ref = wantsAddress(view) ? poolInTurn(view) : undefined;
    return ref === undefined ? `harvestermachines/${view.object.meta.uid}` : poolKey(ref);
  },
  needs: wantsAddress,
  inputs: (view) => {
    const { networks } = view.object.spec;
    const verdicts = judge(view);
    const why = wantsAddress(view) ? whyNoAddress(verdicts, networks) : undefined;
    return {
      networks,
      pools: verdicts.map(({ name, state }) => [name, isUsable(state) ? "usable" : state]),
      mend: why === undefined || why.passing ? "" : why.message,
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
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["ippools"],
      verbs: ["get", "patch"],
    },
  ],
  uses: ["management", "harvester"],
  handleBatch: allocateAddresses,
});
