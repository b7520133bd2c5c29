import type { MemberIdentity } from "#functions/cluster-api/etcd-remove/member-match.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { Seen } from "#platform/kube/view.ts";

/**
 * What a Machine's member is told by. The Node is named by the Machine's `nodeRef`; before it has one, the Node may have the name of the VM or one
 * of its host names.
 */
export function memberIdentity({ meta, spec, status }: Seen<Machine>): MemberIdentity {
  const hostNames = status.addresses
    .filter(({ type }) => type === "Hostname" || type.endsWith("DNS"))
    .map(({ address }) => address);
  return {
    machine: meta.name,
    nodeNames:
      status.nodeRef === undefined
        ? [spec.infrastructureRef?.name ?? meta.name, meta.name, ...hostNames]
        : [status.nodeRef.name],
    addresses: status.addresses.map(({ address }) => address),
  };
}
