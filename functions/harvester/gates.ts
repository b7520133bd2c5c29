import { machineReasons, pausedReasons } from "#api/condition-names.ts";
import type { MachineScope } from "#functions/harvester/machine-scope.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Seen } from "#platform/kube/view.ts";

/** What the gates look at: a HarvesterMachine and the Cluster API objects around it. */
export interface GateView {
  readonly object: Seen<HarvesterMachineBody>;
  readonly related: MachineScope;
}

type GateName = "ownerMachine" | "cluster" | "paused" | "managedBy" | "infrastructure" | "bootstrap";

/** Why a gate is closed, in the words of a condition. The message is deterministic and names what has to change. */
export interface ClosedGate {
  readonly open: false;
  readonly name: GateName;
  readonly reason: string;
  readonly message: string;
}

export type GateState = { readonly open: true } | ClosedGate;

/** Reasons of gates that no condition of the Go provider knows. */
const gateReasons = {
  WaitingForCluster: "WaitingForCluster",
  ExternallyManaged: "ExternallyManaged",
} as const;

type Gate = (view: GateView) => ClosedGate | undefined;

/**
 * Whether a machine may be brought into being now: the first closed gate, in the order of the Cluster API contract for InfraMachines (owner
 * Machine, Cluster, pausing, externally managed, cluster infrastructure, bootstrap data). Nothing is written on Harvester before all are open.
 */
export function gate(view: GateView): GateState {
  for (const check of gates) {
    const closed = check(view);
    if (closed !== undefined) return closed;
  }
  return { open: true };
}

/** The `Paused` condition's ground: the Cluster or the HarvesterMachine itself is paused (Cluster API contract, pausing). */
export function pausedGate({ object, related }: GateView): ClosedGate | undefined {
  if (related.cluster?.spec.paused === true) {
    return closed(
      "paused",
      pausedReasons.Paused,
      `Cluster ${related.cluster.meta.name} has spec.paused: true`,
    );
  }
  if (object.metadata.annotations["cluster.x-k8s.io/paused"] !== undefined) {
    return closed("paused", pausedReasons.Paused, "the annotation cluster.x-k8s.io/paused is set");
  }
  return undefined;
}

/** Another system provides this machine: its own annotation says so. That of the HarvesterCluster is about the cluster only. */
export function managedByGate({ object }: GateView): ClosedGate | undefined {
  return object.metadata.annotations["cluster.x-k8s.io/managed-by"] === undefined
    ? undefined
    : closed("managedBy", gateReasons.ExternallyManaged, "the annotation cluster.x-k8s.io/managed-by is set");
}

function ownerMachineGate({ object, related }: GateView): ClosedGate | undefined {
  if (related.machine !== undefined) return undefined;
  const owner = object.metadata.ownerReferences.find(({ kind }) => kind === "Machine");
  return closed(
    "ownerMachine",
    machineReasons.WaitingForOwnerMachine,
    owner === undefined
      ? "no Machine owns the object yet"
      : `Machine ${owner.name}, the owner, does not exist`,
  );
}

function clusterGate({ object, related }: GateView): ClosedGate | undefined {
  if (related.cluster !== undefined) return undefined;
  const name = related.machine?.spec.clusterName ?? object.metadata.labels["cluster.x-k8s.io/cluster-name"];
  return closed(
    "cluster",
    gateReasons.WaitingForCluster,
    name === undefined
      ? "no Cluster is named by the owner Machine or a label"
      : `Cluster ${name} does not exist`,
  );
}

function infrastructureGate({ related }: GateView): ClosedGate | undefined {
  const { cluster, harvesterCluster } = related;
  if (harvesterCluster !== undefined && cluster?.status.initialization?.infrastructureProvisioned === true)
    return undefined;
  const message =
    harvesterCluster === undefined
      ? "spec.infrastructureRef of the Cluster leads to no HarvesterCluster"
      : `HarvesterCluster ${harvesterCluster.meta.name} is not provisioned yet`;
  return closed("infrastructure", machineReasons.WaitingForClusterInfrastructure, message);
}

function bootstrapGate({ related }: GateView): ClosedGate | undefined {
  if (related.machine?.spec.bootstrap.dataSecretName !== undefined) return undefined;
  return closed(
    "bootstrap",
    machineReasons.WaitingForBootstrapData,
    "spec.bootstrap.dataSecretName of the owner Machine is not set yet",
  );
}

const gates: readonly Gate[] = [
  ownerMachineGate,
  clusterGate,
  pausedGate,
  managedByGate,
  infrastructureGate,
  bootstrapGate,
];

function closed(name: GateName, reason: string, message: string): ClosedGate {
  return { open: false, name, reason, message };
}
