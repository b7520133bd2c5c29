import type { Deps } from "#functions/contract/deps.ts";
import {
  appearance,
  change,
  done,
  waitFor,
  type Outcome,
  type WaitTarget,
} from "#functions/contract/outcome.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { managedByGate, pausedGate, type GateView } from "#functions/harvester/gates.ts";
import { clusterView, type Cluster } from "#platform/cluster-api/cluster.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import { clusters, harvesterClusters, harvesterMachines } from "#platform/kube/resources.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

/** Why a machine that is being deleted keeps what it has on Harvester. */
export interface DeletionStop {
  /** PascalCase, for conditions. */
  readonly reason: string;
  readonly message: string;
  /** Objects whose change may end it. */
  readonly targets: readonly WaitTarget[];
}

const STOP_TIMEOUT_MS = 60 * 60_000;

/**
 * Why nothing outside may be destroyed for the machine; undefined when it may. `clusterctl move` deletes its source objects while the VM
 * lives on: it pauses the Cluster, annotates with delete-for-move, deletes, and takes the Cluster away last. A machine without a Cluster
 * is such a leftover as well as it may be an orphan, so it is left to a person.
 */
export function deletionStop(view: GateView): DeletionStop | undefined {
  return contractStop(view) ?? missingScope(view);
}

/** The part of {@link deletionStop} that holds even for a machine whose external objects were given up by annotation. */
export function contractStop({ object, related }: GateView): DeletionStop | undefined {
  const own = [change(harvesterMachines, object)];
  const cluster = related.cluster === undefined ? [] : [change(clusters, related.cluster)];
  if (object.metadata.annotations["clusterctl.cluster.x-k8s.io/delete-for-move"] !== undefined) {
    return {
      reason: "MovedAway",
      message: "clusterctl moves the object to another management cluster; its VM lives on",
      targets: own,
    };
  }
  const stopped = pausedGate({ object, related }) ?? managedByGate({ object, related });
  if (stopped !== undefined) {
    return { reason: stopped.reason, message: stopped.message, targets: [...own, ...cluster] };
  }
  if (related.cluster?.metadata.annotations["clusterctl.cluster.x-k8s.io/delete-for-move"] !== undefined) {
    return {
      reason: "MovedAway",
      message: "clusterctl moves the Cluster away; its VMs live on",
      targets: cluster,
    };
  }
  return undefined;
}

function missingScope({ object, related }: GateView): DeletionStop | undefined {
  const { cluster, harvesterCluster } = related;
  const { namespace } = object.meta;
  if (cluster === undefined) {
    const name = related.machine?.spec.clusterName ?? object.metadata.labels["cluster.x-k8s.io/cluster-name"];
    return {
      reason: "ClusterMissing",
      message:
        name === undefined
          ? "no Cluster is named by the owner Machine or a label, so nothing outside is deleted"
          : `Cluster ${name} does not exist, so nothing outside is deleted`,
      targets:
        name === undefined
          ? [change(harvesterMachines, object)]
          : [
              appearance(clusters, { connection: MANAGEMENT, namespace, name }),
              change(harvesterMachines, object),
            ],
    };
  }
  if (harvesterCluster !== undefined) return undefined;
  const ref = cluster.spec.infrastructureRef;
  const appears =
    ref?.kind === "HarvesterCluster"
      ? [appearance(harvesterClusters, { connection: MANAGEMENT, namespace, name: ref.name })]
      : [];
  return {
    reason: "HarvesterClusterMissing",
    message:
      ref?.kind === "HarvesterCluster"
        ? `HarvesterCluster ${ref.name} does not exist, so it is unknown where the VM is`
        : `Cluster ${cluster.meta.name} names no HarvesterCluster in spec.infrastructureRef, so it is unknown where the VM is`,
    targets: [...appears, change(clusters, cluster), change(harvesterMachines, object)],
  };
}

/** Nothing is done until one of the targets changes. */
export function stopped({ reason, message, targets }: DeletionStop): Outcome {
  return waitFor(targets, { timeoutMs: STOP_TIMEOUT_MS, reason: `${reason}: ${message}` });
}

/** Clusters already read in this attempt, by namespace and name. */
export type ClusterReads = Map<string, Promise<Seen<Cluster> | undefined>>;

/**
 * Makes sure by quorum reads that it is this very machine whose deletion was asked for, and that its Cluster, if any, neither is paused nor
 * moves away. Undefined: go on. Otherwise the outcome to end the step with.
 *
 * @throws KubeError when the management API does not answer.
 */
export async function confirmDeletion(
  deps: Pick<Deps, "management">,
  view: GateView,
  reads: ClusterReads = new Map(),
): Promise<Outcome | undefined> {
  const seen = deletionStop(view);
  if (seen !== undefined) return stopped(seen);
  const own = view.object.meta;
  const [object, cluster] = await Promise.all([
    freshLook(deps.management, harvesterMachineView, own),
    readCluster(deps, view, reads),
  ]);
  if (object === undefined) return done();
  if (object.meta.uid !== own.uid || object.meta.deletionTimestamp === undefined) {
    return stopped({
      reason: "NotDeleted",
      message: "the machine of this name is another one, or its deletion was not asked for",
      targets: [change(harvesterMachines, view.object)],
    });
  }
  const found = deletionStop({ object, related: { ...view.related, cluster } });
  return found === undefined ? undefined : stopped(found);
}

function readCluster(
  deps: Pick<Deps, "management">,
  { related }: GateView,
  reads: ClusterReads,
): Promise<Seen<Cluster> | undefined> {
  const ref = related.cluster?.meta;
  if (ref === undefined) return Promise.resolve(undefined);
  const key = `${ref.namespace ?? ""}/${ref.name}`;
  const known = reads.get(key);
  if (known !== undefined) return known;
  const read = freshLook(deps.management, clusterView, ref);
  reads.set(key, read);
  return read;
}
