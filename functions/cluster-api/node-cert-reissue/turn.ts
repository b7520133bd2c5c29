import { clusterNameLabel } from "#api/names.ts";
import { isControlPlane, recordOf } from "#functions/cluster-api/node-cert-reissue/machine-world.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import { machineView, type Machine } from "#platform/cluster-api/cluster.ts";
import { machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * The machine of the same control plane that has its turn: one whose renewal is not seen through, or that is being deleted. By a quorum read: two
 * at once could leave nobody to answer. A worker waits for nobody.
 */
export async function machineBefore(
  own: Seen<Machine>,
  deps: Pick<Deps, "management">,
): Promise<string | undefined> {
  if (!isControlPlane(own)) return undefined;
  const { namespace, connection } = own.meta;
  const labelSelector = `${clusterNameLabel}=${own.spec.clusterName}`;
  for await (const object of deps.management.list(machines, { namespace, labelSelector })) {
    const other = seenAs(machineView, object, connection);
    if (other.meta.uid === own.meta.uid || !isControlPlane(other)) continue;
    if (other.meta.deletionTimestamp !== undefined || recordOf(other)?.renewal !== undefined) {
      return other.meta.name;
    }
  }
  return undefined;
}
