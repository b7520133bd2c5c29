import { machineConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { initialiseNode } from "#functions/cluster-api/node-init/handler.ts";
import { matchingNode, nodeQueries } from "#functions/cluster-api/node-init/matching-node.ts";
import { needsNodeInit, staleFailure } from "#functions/cluster-api/node-init/node-work.ts";
import { machineScope } from "#functions/harvester/machine-scope.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import { nodeView } from "#platform/cluster-api/node.ts";

export const nodeInit = defineFunction({
  name: "node-init",
  summary: "Gives the machine's Node its providerID and takes the uninitialized taint off",
  on: [
    "dev.capfn.node.registered",
    "dev.capfn.node.changed",
    "dev.capfn.node.unhealthy",
    "dev.capfn.machine.changed",
    "dev.capfn.connection.changed",
  ],
  for: harvesterMachineView,
  related: machineScope.matching("nodes", nodeView, (own, { cluster }) =>
    cluster === undefined ? [] : nodeQueries(own, cluster.meta),
  ),
  // Not the machine's own key: a workload API that hangs must hold up neither its VM nor its deletion.
  key: ({ object }) => `node-of/${object.meta.uid}`,
  needs: needsNodeInit,
  inputs: ({ object, related }) => {
    const match = matchingNode(object, related.nodes);
    return {
      providerID: object.spec.providerID,
      // The version of a single Node too: a taint that comes back is new work. Not of ambiguous ones, which change with every heartbeat.
      match: match.kind === "one" ? [match.node.meta.uid, match.node.meta.resourceVersion] : match,
      stale: staleFailure(object),
      lookAt: object.metadata.annotations[lookAtAnnotation],
    };
  },
  condition: machineConditions.NodeInitialized,
  rbac: [
    { api: "workload", apiGroups: [""], resources: ["nodes"], verbs: ["get", "patch"] },
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvestermachines/status"],
      verbs: ["patch"],
    },
  ],
  uses: ["workload"],
  timeoutMs: 10_000,
  handle: initialiseNode,
});
