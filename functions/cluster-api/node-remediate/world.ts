import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { onHarvester } from "#functions/harvester/machine-scope.ts";
import { clusterView, machineView, type Cluster, type Machine } from "#platform/cluster-api/cluster.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterMachineView, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { nodeView, type Node } from "#platform/cluster-api/node.ts";
import {
  isFinal,
  machineRemediationView,
  remediationRequestView,
  type Remediation,
} from "#platform/cluster-api/remediation.ts";
import {
  virtualMachineInstanceView,
  virtualMachineView,
  type VirtualMachine,
  type VirtualMachineInstance,
} from "#platform/harvester/virtual-machine.ts";
import {
  MANAGEMENT,
  workloadConnection,
  type ObjectRef,
  type ResourceView,
  type Seen,
} from "#platform/kube/view.ts";

/** The machine a remediation is about, and what around it decides whether and how it is remediated. */
export interface RemediationWorld {
  readonly machine: Seen<Machine> | undefined;
  readonly cluster: Seen<Cluster> | undefined;
  readonly infrastructure: Seen<HarvesterMachineBody> | undefined;
  readonly harvesterCluster: Seen<HarvesterClusterBody> | undefined;
  /** The connection to the workload cluster. */
  readonly connection: Seen<ConnectionState> | undefined;
  /** All Machines of the Cluster, the one meant among them. */
  readonly machines: readonly Seen<Machine>[];
  /** All Nodes of the workload cluster. */
  readonly nodes: readonly Seen<Node>[];
  readonly node: Seen<Node> | undefined;
  readonly vm: Seen<VirtualMachine> | undefined;
  readonly vmi: Seen<VirtualMachineInstance> | undefined;
  /** Remediations of the Cluster with a step under way, by who asked. */
  readonly runningRequests: readonly Seen<Remediation>[];
  readonly runningRemediations: readonly Seen<Remediation>[];
  /** Remediations of this very machine that have taken a step, past and present, by who asked. */
  readonly ownRequests: readonly Seen<Remediation>[];
  readonly ownRemediations: readonly Seen<Remediation>[];
}

export type RemediationView = View<Remediation, RemediationWorld>;

const optional = { optional: true } as const;
/** What the others of the cluster do matters when it tips a guard, not at every heartbeat. */
const membership = { wake: "membership" } as const;

/** The same for a RemediationRequest and a MachineRemediation. One that has ended looks at nothing. */
export function remediationWorld(own: ResourceView<Remediation>) {
  return relations(own)
    .one("machine", machineView, targetRef)
    .one("cluster", clusterView, (_own, { machine }) => machine && sibling(machine, machine.spec.clusterName))
    .one("infrastructure", harvesterMachineView, (_own, { machine }) => {
      const ref = machine?.spec.infrastructureRef;
      return machine && ref?.kind === "HarvesterMachine" ? sibling(machine, ref.name) : undefined;
    })
    .one("harvesterCluster", harvesterClusterView, (_own, { cluster }) => {
      const ref = cluster?.spec.infrastructureRef;
      return cluster && ref?.kind === "HarvesterCluster" ? sibling(cluster, ref.name) : undefined;
    })
    .one("connection", connectionStateView, (_own, { machine }) =>
      machine === undefined ? undefined : connectionStateRef(workloadOf(machine)),
    )
    .matching(
      "machines",
      machineView,
      (_own, { machine }) =>
        machine === undefined
          ? []
          : [{ connection: MANAGEMENT, index: "cluster", value: clusterKey(machine) }],
      membership,
    )
    .matching(
      "nodes",
      nodeView,
      (_own, { machine }) =>
        machine === undefined
          ? []
          : ["True", "False", "Unknown"].map((value) => ({
              connection: workloadOf(machine),
              index: "ready",
              value,
            })),
      { ...membership, ...optional },
    )
    .one(
      "node",
      nodeView,
      (_own, { machine }) => {
        const name = machine?.status.nodeRef?.name;
        return machine && name !== undefined ? { connection: workloadOf(machine), name } : undefined;
      },
      optional,
    )
    .one(
      "vm",
      virtualMachineView,
      (_own, { infrastructure, harvesterCluster }) =>
        infrastructure && onHarvester(infrastructure, harvesterCluster),
      optional,
    )
    .one(
      "vmi",
      virtualMachineInstanceView,
      (_own, { infrastructure, harvesterCluster }) =>
        infrastructure && onHarvester(infrastructure, harvesterCluster),
      optional,
    )
    .matching("runningRequests", remediationRequestView, (_own, { machine }) => running(machine), membership)
    .matching(
      "runningRemediations",
      machineRemediationView,
      (_own, { machine }) => running(machine),
      membership,
    )
    .matching("ownRequests", remediationRequestView, (_own, { machine }) => ofMachine(machine))
    .matching("ownRemediations", machineRemediationView, (_own, { machine }) => ofMachine(machine));
}

/** Whether the Machine under the name is not, or no longer, the one that is meant. */
export function isAnother({ object, related }: RemediationView): boolean {
  const owner = object.metadata.ownerReferences.find(({ kind }) => kind === "Machine");
  const meant = object.status.target?.machineUID ?? owner?.uid;
  return related.machine === undefined || related.machine.meta.uid !== meant;
}

/** Namespace and name of the Machine's Cluster, as indexes spell it. */
function clusterKey({ meta, spec }: Seen<Machine>): string {
  return `${meta.namespace ?? ""}/${spec.clusterName}`;
}

/** The Machine that is meant: the one that was found, else the one that owns the object, as a MachineHealthCheck makes it. */
function targetRef(own: Seen<Remediation>): ObjectRef | undefined {
  if (isFinal(own) || own.meta.deletionTimestamp !== undefined) return undefined;
  const { target } = own.status;
  if (target !== undefined)
    return { connection: MANAGEMENT, namespace: target.namespace, name: target.machine };
  const owner = own.metadata.ownerReferences.find(({ kind }) => kind === "Machine");
  return owner && { connection: MANAGEMENT, namespace: own.meta.namespace, name: owner.name };
}

function workloadOf({ meta, spec }: Seen<Machine>): string {
  return workloadConnection({ namespace: meta.namespace ?? "", name: spec.clusterName });
}

function sibling({ meta }: Seen<unknown>, name: string): ObjectRef {
  return { connection: MANAGEMENT, namespace: meta.namespace, name };
}

function running(machine: Seen<Machine> | undefined) {
  return machine === undefined
    ? []
    : [{ connection: MANAGEMENT, index: "running", value: clusterKey(machine) }];
}

function ofMachine(machine: Seen<Machine> | undefined) {
  return machine === undefined
    ? []
    : [
        {
          connection: MANAGEMENT,
          index: "acted",
          value: `${machine.meta.namespace ?? ""}/${machine.meta.name}`,
        },
      ];
}
