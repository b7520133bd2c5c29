import { clusterView, machineView } from "#platform/cluster-api/cluster.ts";
import { eventInjectionView } from "#platform/cluster-api/event-injection.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import { harvesterMachineTemplateView } from "#platform/cluster-api/harvester-machine-template.ts";
import { harvesterIpPoolView, ipAddressClaimView } from "#platform/cluster-api/ipam.ts";
import { machineRemediationView, remediationRequestView } from "#platform/cluster-api/remediation.ts";
import { secretView } from "#platform/cluster-api/secret.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** The object a person asks about. */
export interface ObjectQuestion {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What a person types before the slash, and the kind whose functions it means. */
const kinds: Readonly<Record<string, ResourceView<unknown>>> = {
  machine: harvesterMachineView,
  harvestermachine: harvesterMachineView,
  cluster: harvesterClusterView,
  harvestercluster: harvesterClusterView,
  harvestermachinetemplate: harvesterMachineTemplateView,
  remediationrequest: remediationRequestView,
  machineremediation: machineRemediationView,
  eventinjection: eventInjectionView,
  harvesterippool: harvesterIpPoolView,
  ipaddressclaim: ipAddressClaimView,
  secret: secretView,
  "machine.cluster.x-k8s.io": machineView,
  "cluster.cluster.x-k8s.io": clusterView,
};

/** The words for kinds, as a message lists them. */
export const kindWords = Object.keys(kinds).join(", ");

/** The view a person's word for a kind means; undefined when it means none. */
export function viewOf(kind: string): ResourceView<unknown> | undefined {
  return kinds[kind.toLowerCase()];
}

/** The shortest word for a kind, e.g. `machine` for a HarvesterMachine. */
export function wordFor(type: ResourceType): string {
  const found = Object.entries(kinds).find(([, view]) => view.type === type);
  return found?.[0] ?? type.kind.toLowerCase();
}
