import type { Deps } from "#functions/contract/deps.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { namespaces } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * Whether the API server of the Machine's cluster answers a quorum read. While it does, its etcd must be taken to have a quorum, even if we
 * cannot see it. A refusal is an answer too; silence and its own failures (5xx), as without a quorum, are none.
 */
export async function apiServerAnswers({ meta, spec }: Seen<Machine>, deps: Deps): Promise<boolean> {
  try {
    const workload = await deps.workload({ namespace: meta.namespace ?? "", name: spec.clusterName });
    await workload.get(namespaces, { name: "kube-system" });
    return true;
  } catch (error) {
    // The end of the attempt says nothing about the API server.
    if (deps.signal.aborted || !isKubeError(error)) throw error;
    return !isKubeError(error, "unavailable", "timeout");
  }
}
