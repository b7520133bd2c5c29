import type { Node } from "#platform/cluster-api/node.ts";
import type { JsonPatchOperation } from "#platform/kube/client.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Taint a kubelet with an external cloud provider starts with (Kubernetes, "Cloud Controller Manager Administration"). */
export const UNINITIALIZED_TAINT = "node.cloudprovider.kubernetes.io/uninitialized";

/**
 * What makes the Node an initialised one: its providerID, if it has none, and no uninitialized taint. Empty when it is one. Each operation
 * tests what it rests on, so that a namesake or taints that moved refuse the whole patch; the API server itself lets nobody change a
 * providerID once set (ValidateNodeUpdate). Taints of others are not touched.
 */
export function nodePatch({ meta, spec }: Seen<Node>, providerID: string): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = [];
  if ((spec.providerID ?? "") === "") {
    operations.push({ op: "add", path: "/spec/providerID", value: providerID });
  }
  // From the last on, so that removing one does not move those still to be removed.
  for (const [index, { key }] of [...spec.taints.entries()].reverse()) {
    if (key !== UNINITIALIZED_TAINT) continue;
    const path = `/spec/taints/${index}`;
    operations.push({ op: "test", path: `${path}/key`, value: key }, { op: "remove", path });
  }
  return operations.length === 0
    ? []
    : [{ op: "test", path: "/metadata/uid", value: meta.uid }, ...operations];
}
