import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import type { ClusterDeleteView } from "#functions/harvester/cluster-delete/world.ts";
import { removeCredentials, withdrawFromConfigMap } from "#functions/harvester/cloud-credentials.ts";
import { reportOnCluster } from "#functions/harvester/cluster-report.ts";
import type { CloudMark } from "#platform/cluster-api/cloud-config-record.ts";
import { CLOUD_CONFIG_ANNOTATION } from "#platform/cluster-api/harvester-cluster.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { harvesterClusters } from "#platform/kube/resources.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

/** Nothing tells that a right was granted. */
const ASK_AGAIN_MS = 10 * 60_000;
/** Somebody's finalizer holds what was deleted. */
const HELD_MS = 5_000;

/** Takes the cloud provider's credentials out of the ConfigMap and off Harvester, then the note on the object that there are some. */
export async function takeBackCredentials(
  { object }: ClusterDeleteView,
  deps: Deps,
  mark: CloudMark,
): Promise<Outcome> {
  try {
    await withdrawFromConfigMap(deps, object, mark);
    if (!(await removeCredentials(deps, object, mark))) {
      const message = "the credentials of the cloud provider are being deleted by Harvester";
      await tell({ object }, deps, message);
      return requeueAfter(HELD_MS, message);
    }
  } catch (error) {
    if (!isKubeError(error, "forbidden")) throw error;
    const message =
      error.dependency === MANAGEMENT
        ? `capfn may not take the credentials out of ConfigMap ${mark.namespace}/${mark.name}; grant the right`
        : "the identity may not delete the credentials of the cloud provider on Harvester; grant the right";
    await tell({ object }, deps, message);
    return requeueAfter(ASK_AGAIN_MS, message);
  }
  const { namespace, name, resourceVersion } = object.meta;
  // Not taken off: without it the status of the Go provider would speak for credentials again.
  const metadata = { resourceVersion, annotations: { [CLOUD_CONFIG_ANNOTATION]: "" } };
  await deps.management.mergePatch(harvesterClusters, { namespace, name }, { metadata });
  deps.announce(
    { type: harvesterClusters, meta: object.meta },
    {
      type: "Normal",
      reason: "CloudCredentialsRemoved",
      message: "the credentials of the cloud provider are deleted on Harvester",
    },
  );
  return requeueAfter(0, "the credentials were taken back");
}

async function tell(
  { object }: Pick<ClusterDeleteView, "object">,
  deps: Deps,
  message: string,
): Promise<void> {
  await reportOnCluster(object, deps, [
    {
      type: clusterConditions.Deleting,
      status: "True",
      reason: clusterReasons.WaitingForCredentialsRemoval,
      message,
    },
  ]);
}
