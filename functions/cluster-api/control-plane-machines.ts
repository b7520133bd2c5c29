import { clusterNameLabel, controlPlaneLabel } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import { machineView, type Cluster, type Machine } from "#platform/cluster-api/cluster.ts";
import { machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** All Machines of a Cluster's control plane, as a quorum read has them. */
export async function controlPlaneMachines(
  { meta }: Seen<Cluster>,
  deps: Pick<Deps, "management">,
): Promise<readonly Seen<Machine>[]> {
  const found: Seen<Machine>[] = [];
  const { namespace, connection, name } = meta;
  const labelSelector = `${clusterNameLabel}=${name}`;
  for await (const object of deps.management.list(machines, { namespace, labelSelector })) {
    const machine = seenAs(machineView, object, connection);
    if (controlPlaneLabel in machine.metadata.labels) found.push(machine);
  }
  return found;
}
