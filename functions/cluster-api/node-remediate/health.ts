import type { RemediationView } from "#functions/cluster-api/node-remediate/world.ts";
import { HEALTH_CONDITION } from "#platform/cluster-api/cluster.ts";
import { readiness } from "#platform/cluster-api/node.ts";

/** How the machine is. `unknown`: nothing may be concluded, so nothing is done. */
export interface Health {
  readonly state: "healthy" | "unhealthy" | "unknown";
  /** PascalCase; what a step is taken for. */
  readonly reason: string;
  readonly message: string;
}

/**
 * Whether the machine is unwell, told from the world and never from who says so. For a RemediationRequest the Node's Ready condition decides,
 * for a MachineRemediation the check of the MachineHealthCheck that made it: it knows other conditions and start-up times too, and takes the
 * object away again by the same measure.
 */
export function machineHealth(view: RemediationView, isRequest: boolean): Health {
  return isRequest ? nodeHealth(view) : checkedHealth(view);
}

function checkedHealth({ related }: RemediationView): Health {
  const check = related.machine?.status.conditions.find(({ type }) => type === HEALTH_CONDITION);
  if (check?.status === "False")
    return health("unhealthy", check.reason, `HealthCheckSucceeded of the Machine is False: ${check.reason}`);
  if (check?.status === "True") return health("healthy", "Healthy", "the MachineHealthCheck is content");
  return health("unknown", "NotChecked", "no MachineHealthCheck says how the Machine is");
}

function nodeHealth({ related, unknown }: RemediationView): Health {
  const name = related.machine?.status.nodeRef?.name;
  if (name === undefined) return health("unknown", "NoNode", "the Machine has no Node yet");
  if (unknown.includes("node"))
    return health("unknown", "NodeUnknown", `nothing is known of Node ${name}: its cluster does not answer`);
  if (related.node === undefined) return health("unhealthy", "NodeGone", `Node ${name} does not exist`);
  switch (readiness(related.node)) {
    case "True":
      return health("healthy", "Healthy", `Node ${name} is Ready`);
    case "False":
      return health("unhealthy", "NodeNotReady", `Node ${name} is not Ready`);
    case "Unknown":
      return health("unhealthy", "NodeSilent", `the kubelet of Node ${name} does not report`);
  }
}

function health(state: Health["state"], reason: string, message: string): Health {
  return { state, reason, message };
}
