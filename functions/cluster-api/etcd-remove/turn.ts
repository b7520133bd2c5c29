import { deletionPhase, hasHook } from "#functions/cluster-api/etcd-remove/duty.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * The Machine that must be gone before this one's member may be removed: one whose hook is through already, or one at its hook that was
 * deleted earlier. One at a time, the oldest deletion first, as KubeadmControlPlane does.
 */
export function machineBefore(
  own: Seen<Machine>,
  controlPlane: readonly Seen<Machine>[],
): Seen<Machine> | undefined {
  return controlPlane.find(
    (other) =>
      other.meta.uid !== own.meta.uid &&
      other.meta.deletionTimestamp !== undefined &&
      (hasHook(other)
        ? deletionPhase(other) === "hook" && orderOf(other) < orderOf(own)
        : deletionPhase(other) !== "before"),
  );
}

function orderOf({ meta }: Seen<Machine>): string {
  return `${meta.deletionTimestamp ?? ""} ${meta.name}`;
}
