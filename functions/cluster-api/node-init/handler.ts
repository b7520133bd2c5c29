import { machineConditions, machineReasons } from "#api/condition-names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, failed, type Outcome } from "#functions/contract/outcome.ts";
import { matchingNode } from "#functions/cluster-api/node-init/matching-node.ts";
import { nodePatch } from "#functions/cluster-api/node-init/node-patch.ts";
import { staleFailure, type MachineWithNodes } from "#functions/cluster-api/node-init/node-work.ts";
import { mergeConditions } from "#platform/cluster-api/conditions.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { nodeView, type Node } from "#platform/cluster-api/node.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { harvesterMachines, nodes } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type NodeInitEvent = StepEvent<HarvesterMachineBody, MachineWithNodes>;

/** Initialises the machine's Node with one patch. */
export async function initialiseNode(event: NodeInitEvent, deps: Deps): Promise<Outcome> {
  const { object, related } = event;
  const match = matchingNode(object, related.nodes);
  if (match.kind === "none") return done();
  if (match.kind === "ambiguous") {
    deps.count("caphv_node_init_errors_total");
    return failed(
      machineReasons.NodeAmbiguous,
      `Nodes ${match.names.join(", ")} all claim the name or an address of the machine; delete the one that is not its own`,
    );
  }
  const { namespace = "", name } = related.cluster?.meta ?? object.meta;
  try {
    if (await patchNode(match.node, object.spec.providerID ?? "", await deps.workload({ namespace, name }))) {
      deps.count("caphv_node_init_total");
      const message = `Node ${match.node.meta.name} is initialised`;
      deps.announce(
        { type: harvesterMachines, meta: object.meta },
        { type: "Normal", reason: "NodeInitialized", message },
      );
    }
  } catch (error) {
    deps.count("caphv_node_init_errors_total");
    throw error;
  }
  await clearFailure(event, deps);
  return done();
}

/** True when the Node was changed. Where the index was behind, decides once more on a fresh read; a Node that is gone needs nothing. */
async function patchNode(
  seen: Seen<Node>,
  providerID: string,
  workload: Deps["management"],
): Promise<boolean> {
  const operations = nodePatch(seen, providerID);
  if (operations.length === 0) return false;
  try {
    await workload.jsonPatch(nodes, { name: seen.meta.name }, operations);
    return true;
  } catch (error) {
    if (isKubeError(error, "notFound")) return false;
    if (!isKubeError(error, "conflict", "invalid")) throw error;
    const object = await workload.get(nodes, { name: seen.meta.name });
    if (object === undefined || object.metadata.uid !== seen.meta.uid) return false;
    const again = nodePatch({ ...nodeView.schema.parse(object), meta: seen.meta }, providerID);
    if (again.length > 0) await workload.jsonPatch(nodes, { name: seen.meta.name }, again);
    return again.length > 0;
  }
}

/** Takes back what an earlier attempt reported, now that there is one Node. */
async function clearFailure({ object }: NodeInitEvent, deps: Deps): Promise<void> {
  if (!staleFailure(object)) return;
  const { meta, status } = object;
  const condition = {
    type: machineConditions.NodeInitialized,
    status: "True" as const,
    reason: machineReasons.NodeInitialized,
    message: "",
    ...(meta.generation !== undefined && { observedGeneration: meta.generation }),
  };
  await deps.management.mergePatch(
    harvesterMachines,
    meta,
    {
      metadata: { resourceVersion: meta.resourceVersion },
      status: { conditions: mergeConditions(status.conditions, [condition], deps.now()) },
    },
    { subresource: "status" },
  );
}
