import type { Deps } from "#functions/contract/deps.ts";
import { change, waitFor, type Outcome } from "#functions/contract/outcome.ts";
import { planOf, wantedOf } from "#functions/harvester/cloud-config/plan.ts";
import type { CloudConfigView } from "#functions/harvester/cloud-config/world.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { ownerCluster } from "#functions/harvester/owner-cluster.ts";
import { clusterView } from "#platform/cluster-api/cluster.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";
import { clusters, harvesterClusters } from "#platform/kube/resources.ts";

const STOP_TIMEOUT_MS = 60 * 60_000;

/**
 * Before credentials are taken out or deleted: HarvesterCluster and Cluster as quorum reads have them, in the place of the snapshot's. Undefined when
 * either is another one, or the same step is not planned for them any more, with the credentials in the same place: paused, moved away, being deleted,
 * asked for otherwise.
 *
 * @throws KubeError when the management API does not answer.
 */
export async function confirmed(
  view: CloudConfigView,
  { management }: Pick<Deps, "management">,
): Promise<CloudConfigView | undefined> {
  const { object, related } = view;
  const ref = ownerCluster(object);
  const [own, cluster] = await Promise.all([
    freshLook(management, harvesterClusterView, object.meta),
    ref && freshLook(management, clusterView, ref),
  ]);
  if (own?.meta.uid !== object.meta.uid || cluster?.meta.uid !== related.cluster?.meta.uid) return undefined;
  const fresh = { ...view, object: own, related: { ...related, cluster } };
  const isSame =
    planOf(fresh).step === planOf(view).step &&
    JSON.stringify(wantedOf(fresh)) === JSON.stringify(wantedOf(view));
  return isSame ? fresh : undefined;
}

/** What is confirmed no longer was changed behind the snapshot: the step comes again with the change. */
export function overtaken({ object, related }: CloudConfigView): Outcome {
  const targets = [
    change(harvesterClusters, object),
    ...(related.cluster === undefined ? [] : [change(clusters, related.cluster)]),
  ];
  return waitFor(targets, {
    timeoutMs: STOP_TIMEOUT_MS,
    reason: "the object or its Cluster was changed; credentials are not taken back as it was seen",
  });
}
