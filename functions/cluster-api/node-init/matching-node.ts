import type { ObjectRef, Seen } from "#platform/kube/view.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Node } from "#platform/cluster-api/node.ts";
import { workloadConnection } from "#platform/kube/view.ts";
import type { IndexQuery } from "#functions/contract/relations.ts";

/** Which Node of the workload cluster is the machine's. */
export type NodeMatch =
  | { readonly kind: "none" }
  | { readonly kind: "one"; readonly node: Seen<Node> }
  | { readonly kind: "ambiguous"; readonly names: readonly string[] };

/** Nodes that may be the machine's: with its providerID, or with its name or one of its addresses as name, host name or address. */
export function nodeQueries(
  own: Seen<HarvesterMachineBody>,
  cluster: Pick<ObjectRef, "namespace" | "name">,
): readonly IndexQuery[] {
  const { providerID = "", networkConfig } = own.spec;
  if (providerID === "" || own.meta.deletionTimestamp !== undefined) return [];
  const connection = workloadConnection({ namespace: cluster.namespace ?? "", name: cluster.name });
  const addresses = (own.status.addresses ?? []).map(({ address }) => address);
  const known = [
    own.meta.name,
    own.status.allocatedIPAddress ?? "",
    networkConfig?.address ?? "",
    ...addresses,
  ];
  return [
    { connection, index: "providerID", value: providerID },
    ...[...new Set(known)]
      .filter((value) => value !== "")
      .map((value) => ({ connection, index: "identity", value })),
  ];
}

/**
 * The one Node that carries the machine's providerID; else the one that fits and carries none. A Node with another providerID is another
 * machine's, perhaps one that had the address before, unless it has the machine's very name. Never a guess between two.
 */
export function matchingNode(own: Seen<HarvesterMachineBody>, candidates: readonly Seen<Node>[]): NodeMatch {
  const nodes = candidates.filter(({ meta }) => meta.deletionTimestamp === undefined);
  const carrying = nodes.filter(({ spec }) => spec.providerID === own.spec.providerID);
  if (carrying.length > 0) return only(carrying);
  return only(
    nodes.filter(({ spec, meta }) => (spec.providerID ?? "") === "" || meta.name === own.meta.name),
  );
}

function only(nodes: readonly Seen<Node>[]): NodeMatch {
  const [node, ...more] = nodes;
  if (node === undefined) return { kind: "none" };
  if (more.length === 0) return { kind: "one", node };
  return { kind: "ambiguous", names: nodes.map(({ meta }) => meta.name).sort() };
}
