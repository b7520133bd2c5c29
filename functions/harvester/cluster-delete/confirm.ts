import type { Deps } from "#functions/contract/deps.ts";
import { change, done, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { abandonReason, contractStop } from "#functions/harvester/cluster-delete/plan.ts";
import { isLeaving, type ClusterDeleteView } from "#functions/harvester/cluster-delete/world.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { ownerCluster } from "#functions/harvester/owner-cluster.ts";
import { clusterNameLabel } from "#api/names.ts";
import { clusterView } from "#platform/cluster-api/cluster.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";
import type { WaitTarget } from "#functions/contract/outcome.ts";
import { clusters, harvesterClusters, harvesterMachines } from "#platform/kube/resources.ts";

const STOP_TIMEOUT_MS = 60 * 60_000;

/**
 * Makes sure by quorum reads that it is this very object whose deletion was asked for, that its Cluster is there and neither paused nor moves away,
 * and that no machine of it is left; of one that was given up, only what the contract demands. Undefined: go on. Otherwise the outcome to end the
 * step with.
 *
 * @throws KubeError when the management API does not answer.
 */
export async function confirmed(
  { object, related }: ClusterDeleteView,
  { management }: Pick<Deps, "management">,
): Promise<Outcome | undefined> {
  const ref = ownerCluster(object);
  const [own, cluster] = await Promise.all([
    freshLook(management, harvesterClusterView, object.meta),
    ref && freshLook(management, clusterView, ref),
  ]);
  if (own === undefined) return done();
  const news: WaitTarget[] = [
    change(harvesterClusters, object),
    ...(related.cluster === undefined ? [] : [change(clusters, related.cluster)]),
  ];
  const stop = (reason: string): Outcome => waitFor(news, { timeoutMs: STOP_TIMEOUT_MS, reason });
  if (own.meta.uid !== object.meta.uid || !isLeaving(own))
    return stop("the object of this name is another one, or its deletion was not asked for");
  const contract = contractStop(own, cluster);
  if (contract !== undefined) return stop(`${contract.reason}: ${contract.message}`);
  if (abandonReason(own) !== undefined) return undefined;
  if (cluster === undefined) return stop("its Cluster does not exist");
  const labelSelector = `${clusterNameLabel}=${cluster.meta.name}`;
  for await (const machine of management.list(harvesterMachines, {
    namespace: object.meta.namespace,
    labelSelector,
  })) {
    return stop(`machine ${machine.metadata.name} is still there`);
  }
  return undefined;
}
