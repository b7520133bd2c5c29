import { deletionPhase, hasHook } from "#functions/cluster-api/etcd-remove/duty.ts";
import { ETCD_CONDITION, type Machine } from "#platform/cluster-api/cluster.ts";
import type { RefusalReason } from "#functions/cluster-api/etcd-remove/plan.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * The Machine that must be gone before this one's member may be removed: one whose hook is through already, or one at its hook that was
 * deleted earlier. One at a time, the oldest deletion first, as KubeadmControlPlane does. One that cannot go because the others are not well
 * lets them go before it: what is wrong with them may end no other way.
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
        ? deletionPhase(other) === "hook" && orderOf(other) < orderOf(own) && !isHeldByOthers(other)
        : deletionPhase(other) !== "before"),
  );
}

/** Its member stays, by the last word said about it, until more of the others are well. */
function isHeldByOthers({ status }: Seen<Machine>): boolean {
  const reason: RefusalReason = "QuorumAtRisk";
  const last = status.conditions.find(({ type }) => type === ETCD_CONDITION);
  return last?.status === "False" && last.reason === reason;
}

function orderOf({ meta }: Seen<Machine>): string {
  return `${meta.deletionTimestamp ?? ""} ${meta.name}`;
}
