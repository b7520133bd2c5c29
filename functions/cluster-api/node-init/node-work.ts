import { machineConditions } from "#api/condition-names.ts";
import type { View } from "#functions/contract/function.ts";
import { matchingNode } from "#functions/cluster-api/node-init/matching-node.ts";
import { nodePatch } from "#functions/cluster-api/node-init/node-patch.ts";
import { managedByGate, pausedGate } from "#functions/harvester/gates.ts";
import type { MachineScope } from "#functions/harvester/machine-scope.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Node } from "#platform/cluster-api/node.ts";
import type { Seen } from "#platform/kube/view.ts";

export interface MachineWithNodes extends MachineScope {
  /** Nodes that may be the machine's. */
  readonly nodes: readonly Seen<Node>[];
}

/** Whether the machine's Node is not initialised, or cannot be told, or an earlier failure to tell it still stands. */
export function needsNodeInit(view: View<HarvesterMachineBody, MachineWithNodes>): boolean {
  const { object, related } = view;
  if (pausedGate(view) !== undefined || managedByGate(view) !== undefined) return false;
  const match = matchingNode(object, related.nodes);
  if (match.kind === "none") return false;
  if (match.kind === "ambiguous") return true;
  return nodePatch(match.node, object.spec.providerID ?? "").length > 0 || staleFailure(object);
}

/** The machine's status says that its Node could not be told. */
export function staleFailure(own: Seen<HarvesterMachineBody>): boolean {
  return findCondition(own.status.conditions, machineConditions.NodeInitialized)?.status === "False";
}
