import type { Deps } from "#functions/contract/deps.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { ConnectionState } from "#platform/cluster-api/connection-state.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { namespaces } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * What a cluster's API server says to a quorum read.
 * - `answers`: its etcd must be taken to have a quorum, even if we cannot see it. A refusal is an answer too.
 * - `silent`: it was asked and did not answer, or only with failures of its own (5xx), as without a quorum
 * - `notAsked`: we have no usable connection to it, which says nothing about it
 */
export type ApiServer =
  | { readonly kind: "answers" }
  | { readonly kind: "silent" }
  | { readonly kind: "notAsked"; readonly why: string };

/** Asks the API server of the Machine's cluster. `connection` is what the hub knows of the way there. */
export async function askApiServer(
  { meta, spec }: Seen<Machine>,
  connection: Seen<ConnectionState> | undefined,
  deps: Deps,
): Promise<ApiServer> {
  try {
    const workload = await deps.workload({ namespace: meta.namespace ?? "", name: spec.clusterName });
    await workload.get(namespaces, { name: "kube-system" });
    return { kind: "answers" };
  } catch (error) {
    // The end of the attempt says nothing about the API server.
    if (deps.signal.aborted || !isKubeError(error)) throw error;
    if (!isKubeError(error, "unavailable", "timeout")) return { kind: "answers" };
    if (connection?.state === "connected" || connection?.reason === "Unreachable") return { kind: "silent" };
    return { kind: "notAsked", why: connection?.message ?? "it is being connected to" };
  }
}
