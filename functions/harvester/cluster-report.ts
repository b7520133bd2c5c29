import type { Deps } from "#functions/contract/deps.ts";
import {
  findCondition,
  mergeConditions,
  sameConditions,
  type WantedCondition,
} from "#platform/cluster-api/conditions.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterClusters } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** What a condition says, but for its type. */
export type Verdict = Pick<WantedCondition, "status" | "reason" | "message">;

/** Whether the condition reads so already. */
export function isReported(own: Seen<HarvesterClusterBody>, type: string, verdict: Verdict): boolean {
  return sameConditions(own.status.conditions, [{ type, ...verdict }]);
}

/**
 * Puts conditions of one function into the status, others stay as they are; no request when all read so. Functions of one cluster take turns, and
 * the write carries the version seen, so none loses another's. A condition that turns bad, or good again, is also told as a Kubernetes Event.
 *
 * @throws KubeError `conflict` when the object has changed.
 */
export async function reportOnCluster(
  own: Seen<HarvesterClusterBody>,
  deps: Deps,
  wanted: readonly WantedCondition[],
): Promise<void> {
  const { conditions } = own.status;
  if (sameConditions(conditions, wanted)) return;
  const { namespace, name, resourceVersion } = own.meta;
  const status = { conditions: mergeConditions(conditions, wanted, deps.now()) };
  const patch = { metadata: { resourceVersion }, status };
  await deps.management.mergePatch(harvesterClusters, { namespace, name }, patch, { subresource: "status" });
  for (const { type, status: now, reason, message } of wanted) {
    const before = findCondition(conditions, type);
    if (before?.reason === reason || (before === undefined && now === "True" && message === "")) continue;
    deps.announce(
      { type: harvesterClusters, meta: own.meta },
      { type: now === "True" ? "Normal" : "Warning", reason, message },
    );
  }
}
