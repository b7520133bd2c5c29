import type { Deps, StepClient } from "#functions/contract/deps.ts";
import type { RemediationView } from "#functions/cluster-api/node-remediate/world.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { onHarvester } from "#functions/harvester/machine-scope.ts";
import { clusterView, machineView } from "#platform/cluster-api/cluster.ts";
import { nodeView, readiness, type Node } from "#platform/cluster-api/node.ts";
import { isFinal, type Remediation } from "#platform/cluster-api/remediation.ts";
import { virtualMachineInstanceView, virtualMachineView } from "#platform/harvester/virtual-machine.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { workloadConnection, type ResourceView, type Seen } from "#platform/kube/view.ts";

/** The view with all that justifies a step read anew, and what the index does not know: how the VM's host is. */
export interface FreshView {
  readonly view: RemediationView;
  /** Why the VM's host cannot be relied on to stop a guest; undefined when it can. */
  readonly hostProblem: string | undefined;
}

/**
 * Quorum reads of the remediation, its Machine, Cluster, Node, VM and instance. An index may be behind; what is destroyed is decided on what is.
 * Undefined when the remediation is gone, another one, or has ended. A workload cluster that does not answer is part of the answer.
 *
 * @throws KubeError when the management or Harvester API does not answer.
 */
export async function freshView(
  event: RemediationView,
  own: ResourceView<Remediation>,
  deps: Deps,
): Promise<FreshView | undefined> {
  const { object, related } = event;
  const again = <P>(view: ResourceView<P>, seen: Seen<P> | undefined) =>
    seen === undefined ? undefined : freshLook(deps.management, view, seen.meta);
  const [found, machine, cluster, { node, connection }, onHost] = await Promise.all([
    again(own, object),
    again(machineView, related.machine),
    again(clusterView, related.cluster),
    freshNode(event, deps),
    onTheHost(event, deps),
  ]);
  if (found === undefined || found.meta.uid !== object.meta.uid || isFinal(found)) return undefined;
  return {
    view: {
      object: found,
      related: { ...related, machine, cluster, node, connection, ...onHost.found },
      unknown: event.unknown,
    },
    hostProblem: onHost.hostProblem,
  };
}

async function freshNode(
  { related }: RemediationView,
  deps: Deps,
): Promise<Pick<RemediationView["related"], "node" | "connection">> {
  const { machine, node, connection } = related;
  const name = machine?.status.nodeRef?.name;
  if (machine === undefined || name === undefined) return { node, connection };
  const cluster = { namespace: machine.meta.namespace ?? "", name: machine.spec.clusterName };
  const ref = { connection: workloadConnection(cluster), name };
  try {
    return { node: await freshLook(await deps.workload(cluster), nodeView, ref), connection };
  } catch (error) {
    if (!isKubeError(error, "unavailable", "timeout", "unauthorized")) throw error;
    const meta = { connection: "hub", name: ref.connection, uid: ref.connection, resourceVersion: "0" };
    const message = "the API server of the workload cluster does not answer";
    return { node, connection: { ...connection, meta, state: "failed", message } };
  }
}

async function onTheHost(
  { related }: RemediationView,
  deps: Deps,
): Promise<{ found: Partial<RemediationView["related"]>; hostProblem: string | undefined }> {
  const { infrastructure, harvesterCluster } = related;
  const at = infrastructure && onHarvester(infrastructure, harvesterCluster);
  if (at === undefined || harvesterCluster === undefined) return { found: {}, hostProblem: undefined };
  const harvester = await deps.harvester(harvesterCluster.spec.identitySecret);
  const [vm, vmi] = await Promise.all([
    freshLook(harvester, virtualMachineView, at),
    freshLook(harvester, virtualMachineInstanceView, at),
  ]);
  return {
    found: { vm, vmi },
    hostProblem: await hostProblem(harvester, at.connection, vmi?.status.nodeName),
  };
}

/**
 * Time alone proves no guest dead. A host that does not report may still run it, and a second instance on the same disk would destroy what is
 * on it; so a guest is cut off only where the host's kubelet can confirm it.
 */
async function hostProblem(
  harvester: StepClient,
  connection: string,
  name: string | undefined,
): Promise<string | undefined> {
  if (name === undefined) return undefined;
  let host: Seen<Node> | undefined;
  try {
    host = await freshLook(harvester, nodeView, { connection, name });
  } catch (error) {
    if (!isKubeError(error, "forbidden")) throw error;
    return `the identity may not read Node ${name} of Harvester`;
  }
  return host !== undefined && readiness(host) === "True"
    ? undefined
    : `Harvester's host ${name} is not Ready, so nothing proves that the guest has stopped`;
}
