import type { FailureDomain } from "#api/harvester-cluster.ts";
import type { ClusterConnectView } from "#functions/harvester/cluster-connect/cluster-world.ts";
import { readiness, type Node } from "#platform/cluster-api/node.ts";
import type { Seen } from "#platform/kube/view.ts";

const ZONE = "topology.kubernetes.io/zone";
const HOST = "kubernetes.io/hostname";
const WITNESS = "node-role.harvesterhci.io/witness";

/**
 * The failure domains to publish (Cluster API contract, InfraCluster: failure domains): the zones of the hosts that take VMs, if every one has a
 * zone; otherwise none, because a domain ties a machine to its place, or, when the spec asks for it, the hosts themselves. Undefined while the
 * hosts are not known, e.g. because the identity may not list them: what is published stays.
 */
export function failureDomains({
  object,
  related,
  unknown,
}: ClusterConnectView): readonly FailureDomain[] | undefined {
  if (unknown.includes("hosts")) return undefined;
  const hosts = related.hosts.filter(takesVms);
  const zones = hosts.map(({ metadata }) => metadata.labels[ZONE] ?? "");
  if (!zones.includes("")) return domains(zones, ZONE);
  if (object.spec.failureDomainSource !== "ZonesOrHosts") return [];
  // Affinity matches the label, which need not be the Node's name.
  return domains(
    hosts.map(({ meta, metadata }) => metadata.labels[HOST] ?? meta.name),
    HOST,
  );
}

/** Whether the domains are published already; their order says nothing. */
export function sameDomains(
  left: readonly FailureDomain[] | undefined,
  right: readonly FailureDomain[],
): boolean {
  const text = (all: readonly FailureDomain[]): string =>
    all
      .map(({ name, controlPlane, attributes }) =>
        JSON.stringify([name, controlPlane === true, attributes?.["topologyKey"]]),
      )
      .toSorted()
      .join();
  return text(left ?? []) === text(right);
}

/** Cordoned hosts, those that are not Ready and witnesses, which only vote in etcd, take none. */
function takesVms(host: Seen<Node>): boolean {
  const { labels } = host.metadata;
  return (
    host.spec.unschedulable !== true &&
    readiness(host) === "True" &&
    (labels[WITNESS] === undefined || labels[WITNESS] === "false")
  );
}

function domains(names: readonly string[], topologyKey: string): readonly FailureDomain[] {
  return [...new Set(names)]
    .toSorted()
    .map((name) => ({ name, controlPlane: true, attributes: { topologyKey } }));
}
