import {
  controlPlaneLabel,
  infrastructureGroup,
  pausedAnnotation,
  deleteForMoveAnnotation,
} from "#api/names.ts";
import { etcdAccessSecret } from "#functions/cluster-api/etcd-access.ts";
import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import {
  clusterView,
  controlPlaneProvider,
  ETCD_CONDITION,
  ETCD_HOOK_ANNOTATION,
  machineView,
  MEMBER_CLEANUP_HOOKS,
  type Cluster,
  type Machine,
} from "#platform/cluster-api/cluster.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import { nodeView, type Node } from "#platform/cluster-api/node.ts";
import { secretView, type SecretPresence } from "#platform/cluster-api/secret.ts";
import { MANAGEMENT, workloadConnection, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** What a Machine of a control plane is looked at together with. */
export interface ControlPlaneScope {
  readonly cluster: Seen<Cluster> | undefined;
  /** All Machines of the control plane, this one too. */
  readonly controlPlane: readonly Seen<Machine>[];
  /** The Secret without which there is no way to etcd. */
  readonly accessSecret: Seen<SecretPresence> | undefined;
  /** The Machine's Node. Nothing is decided by it: looking at it keeps the connection to the workload cluster open. */
  readonly node: Seen<Node> | undefined;
  /** How that connection is. */
  readonly connection: Seen<ConnectionState> | undefined;
}

export type ControlPlaneView = View<Machine, ControlPlaneScope>;

/** Machine -> Cluster, the other Machines of its control plane, the way to etcd and to the API server. Nothing is looked at for workers. */
export const controlPlaneScope = relations(machineView)
  .one("cluster", clusterView, (own) =>
    isControlPlane(own) ? besides(own, own.spec.clusterName) : undefined,
  )
  .matching("controlPlane", machineView, (own) =>
    isControlPlane(own)
      ? [
          {
            connection: MANAGEMENT,
            namespace: own.meta.namespace,
            index: "controlPlaneOf",
            value: own.spec.clusterName,
          },
        ]
      : [],
  )
  .one("accessSecret", secretView, (own, { cluster }) =>
    cluster === undefined ? undefined : besides(own, etcdAccessSecret(cluster)),
  )
  .one(
    "node",
    nodeView,
    (own) =>
      isControlPlane(own)
        ? { connection: workloadOf(own), name: own.status.nodeRef?.name ?? own.meta.name }
        : undefined,
    { optional: true, wake: "none" },
  )
  .one(
    "connection",
    connectionStateView,
    (own) => (isControlPlane(own) ? connectionStateRef(workloadOf(own)) : undefined),
    { wake: "none" },
  );

/**
 * What is ours to do for a Machine:
 * - `guard`: put the hook on, so that its deletion stops before the VM goes
 * - `remove`: Cluster API has come to the hook: remove the member, then the hook
 * - `withdraw`: take the hook off: another removes members, or the whole Cluster goes
 * - `verify`: the control plane provider is through with its own hook: see that the member is gone
 */
export type Duty = "none" | "guard" | "remove" | "withdraw" | "verify";

/** Pure. Nothing is done while the Cluster or the Machine is paused, or moves to another management cluster. */
export function dutyOf({ object, related }: Pick<ControlPlaneView, "object" | "related">): Duty {
  const { cluster, accessSecret } = related;
  if (!isControlPlane(object) || cluster === undefined || isStopped(object, cluster)) return "none";
  const clusterGoes = cluster.meta.deletionTimestamp !== undefined;
  const deleting = object.meta.deletionTimestamp !== undefined;
  if (hasHook(object)) {
    if (clusterGoes || removedByProvider(object)) return "withdraw";
    return deleting && deletionPhase(object) === "hook" ? "remove" : "none";
  }
  if (clusterGoes || accessSecret === undefined) return "none";
  if (!deleting) return removedByProvider(object) ? "none" : "guard";
  if (!removedByProvider(object) || deletionPhase(object) !== "past" || hasCleanupHook(object)) return "none";
  const reported = object.status.conditions.some(({ type }) => type === ETCD_CONDITION);
  return reported ? "none" : "verify";
}

/** Where Cluster API is with the deletion of a Machine: before the pre-terminate hooks, at them, or past them. */
export function deletionPhase({ meta, status }: Seen<Machine>): "before" | "hook" | "past" {
  const reason = status.conditions.find(({ type }) => type === "Deleting")?.reason ?? "";
  if (meta.deletionTimestamp === undefined) return "before";
  if (reason === "WaitingForPreTerminateHook") return "hook";
  return pastHooks.includes(reason) ? "past" : "before";
}

/** Reasons of the condition `Deleting` of a Machine once its pre-terminate hooks are through (Cluster API v1beta2). */
const pastHooks: readonly string[] = [
  "WaitingForInfrastructureDeletion",
  "WaitingForBootstrapDeletion",
  "DeletingNode",
  "DeletionCompleted",
];

/** Whether our hook is on the Machine. */
export function hasHook({ metadata }: Seen<Machine>): boolean {
  return metadata.annotations[ETCD_HOOK_ANNOTATION] !== undefined;
}

/** KubeadmControlPlane, RKE2ControlPlane and their like remove etcd members themselves. */
function removedByProvider(machine: Seen<Machine>): boolean {
  return hasCleanupHook(machine) || controlPlaneProvider(machine) !== undefined;
}

function hasCleanupHook({ metadata }: Seen<Machine>): boolean {
  return MEMBER_CLEANUP_HOOKS.some((hook) => metadata.annotations[hook] !== undefined);
}

/** A control plane Machine on infrastructure of ours. */
function isControlPlane({ metadata, spec }: Seen<Machine>): boolean {
  return (
    controlPlaneLabel in metadata.labels &&
    spec.infrastructureRef?.kind === "HarvesterMachine" &&
    (spec.infrastructureRef.apiGroup ?? infrastructureGroup) === infrastructureGroup
  );
}

function isStopped(machine: Seen<Machine>, cluster: Seen<Cluster>): boolean {
  return (
    cluster.spec.paused === true ||
    [machine, cluster].some(({ metadata: { annotations } }) =>
      [pausedAnnotation, deleteForMoveAnnotation].some((name) => name in annotations),
    )
  );
}

function workloadOf({ meta, spec }: Seen<Machine>) {
  return workloadConnection({ namespace: meta.namespace ?? "", name: spec.clusterName });
}

function besides({ meta }: Seen<Machine>, name: string): ObjectRef {
  return { connection: MANAGEMENT, namespace: meta.namespace, name };
}
