import { clusterLabel, ownerNamespaceLabel } from "#api/names.ts";
import { labelValue } from "#functions/harvester/ownership.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Label of VMs that do the same job and are therefore spread over hosts: those of a control plane, or of one MachineDeployment. */
export const groupLabel = "capfn.dev/group";

const HOST = "kubernetes.io/hostname";

type Spec = HarvesterMachineBody["spec"];
type NodeAffinity = NonNullable<Spec["nodeAffinity"]>;

/** Where a machine is to be placed, and by which label of Harvester's hosts. */
export interface Placement {
  readonly domain: string;
  readonly topologyKey: string;
  readonly required: boolean;
}

/** The machine's group: its control plane, else its MachineDeployment, else its MachineSet; machines of none form a group together. */
export function groupOf(machine: Seen<Machine>): string {
  const { labels } = machine.metadata;
  if (labels["cluster.x-k8s.io/control-plane"] !== undefined) return "control-plane";
  const deployment = labels["cluster.x-k8s.io/deployment-name"];
  if (deployment !== undefined) return labelValue(`deployment.${deployment}`);
  const set = labels["cluster.x-k8s.io/set-name"];
  return set === undefined ? "standalone" : labelValue(`set.${set}`);
}

/**
 * The failure domain in force: the owner Machine's, else the HarvesterMachine's (contract of Cluster API, InfraMachine: failure domains). A
 * domain the HarvesterCluster does not publish is taken for a host. A single host is preferred, not required, unless the spec says otherwise:
 * a host that is full or down must not keep the machine from starting.
 */
export function placementOf(
  own: Pick<HarvesterMachineBody, "spec">,
  machine: Pick<Machine, "spec">,
  cluster: Pick<HarvesterClusterBody, "status">,
): Placement | undefined {
  const domain = [machine.spec.failureDomain, own.spec.failureDomain].find(
    (name) => name !== undefined && name !== "",
  );
  if (domain === undefined) return undefined;
  const published = cluster.status.failureDomains?.find(({ name }) => name === domain);
  const topologyKey = published?.attributes?.["topologyKey"] ?? HOST;
  const policy = own.spec.failureDomainPolicy ?? (topologyKey === HOST ? "Preferred" : "Required");
  return { domain, topologyKey, required: policy === "Required" };
}

/**
 * Affinity of the VM: the user's terms, the failure domain added to them, and a mild wish to run on another host than the VMs of the same
 * group. Its weight is the least there is, so every preference of the user counts more. The spec is not touched.
 */
export function affinityOf(
  spec: Spec,
  placement: Placement | undefined,
  labels: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const nodeAffinity = placement === undefined ? spec.nodeAffinity : placed(spec.nodeAffinity, placement);
  const together = [ownerNamespaceLabel, clusterLabel, groupLabel].flatMap((label) => {
    const value = labels[label];
    return value === undefined ? [] : [[label, value] as const];
  });
  return {
    ...(nodeAffinity !== undefined && { nodeAffinity }),
    ...(spec.workloadAffinity !== undefined && { podAffinity: spec.workloadAffinity }),
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 1,
          podAffinityTerm: {
            labelSelector: { matchLabels: Object.fromEntries(together) },
            topologyKey: HOST,
          },
        },
      ],
    },
  };
}

function placed(wanted: NodeAffinity | undefined, placement: Placement): NodeAffinity {
  const requirement = { key: placement.topologyKey, operator: "In", values: [placement.domain] };
  if (!placement.required) {
    const preferences = wanted?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return {
      ...wanted,
      preferredDuringSchedulingIgnoredDuringExecution: [
        ...preferences,
        { weight: 100, preference: { matchExpressions: [requirement] } },
      ],
    };
  }
  const required = wanted?.requiredDuringSchedulingIgnoredDuringExecution;
  // Terms are alternatives, so each must demand the domain.
  const terms = (required?.nodeSelectorTerms ?? []).map((term) => ({
    ...term,
    matchExpressions: [...(term.matchExpressions ?? []), requirement],
  }));
  return {
    ...wanted,
    requiredDuringSchedulingIgnoredDuringExecution: {
      ...required,
      nodeSelectorTerms: terms.length === 0 ? [{ matchExpressions: [requirement] }] : terms,
    },
  };
}
