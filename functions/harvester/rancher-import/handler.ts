import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import { clusterNameLabel } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { reportOnCluster, type Verdict } from "#functions/harvester/cluster-report.ts";
import { FLEET_LABELS, type Cluster } from "#platform/cluster-api/cluster.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { fleetClusters, provisioningClusters, rancherClusters } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";
import { DEFAULT_WORKSPACE, rancherName, readOptional, workspaceOf } from "#platform/rancher/clusters.ts";

type Event = StepEvent<HarvesterClusterBody, { readonly cluster: Seen<Cluster> | undefined }>;

/** Rancher imports a cluster some minutes after its control plane is up. */
const SOON_MS = 60_000;
/** Rancher is installed rarely, and a right is granted rarely; so is what was put into place taken away again. */
const SELDOM_MS = 60 * 60_000;

/** Rancher labels Fleet's clusters with its name of the cluster. */
const RANCHER_NAME_LABEL = "management.cattle.io/cluster-name";

const ready: Verdict = { status: "True", reason: clusterReasons.FleetIntegrationReady, message: "" };

/**
 * Looks how far Rancher is with the import of the cluster and does what is next: its Fleet workspace, then the labels by which Fleet deploys to it.
 * `notApplicable`: nothing is asked for; say so.
 */
export async function integrateWithFleet(
  event: Event,
  deps: Deps,
  notApplicable: Verdict | undefined,
): Promise<Outcome> {
  const { cluster } = event.related;
  if (notApplicable !== undefined || cluster === undefined) {
    if (notApplicable !== undefined) await report(event, deps, notApplicable);
    return done();
  }
  const verdict = await integrate(cluster, deps).catch((error: unknown) => {
    if (!isKubeError(error, "forbidden", "invalid")) throw error;
    const message = isKubeError(error, "forbidden")
      ? "capfn may not read or patch clusters of provisioning.cattle.io, management.cattle.io and fleet.cattle.io; grant the rights"
      : "Rancher refuses the Fleet workspace or the labels; see its cluster";
    return { status: "False", reason: clusterReasons.FleetIntegrationFailed, message } as const;
  });
  await report(event, deps, verdict);
  const isSoon = verdict.reason === clusterReasons.FleetIntegrationInProgress && verdict !== notInstalled;
  return requeueAfter(isSoon ? SOON_MS : SELDOM_MS, verdict.message || "the integration is looked at again");
}

const notInstalled: Verdict = underWay(
  "Rancher is not installed on this management cluster: provisioning.cattle.io, management.cattle.io or fleet.cattle.io is not served",
);

async function integrate(cluster: Seen<Cluster>, { management }: Deps): Promise<Verdict> {
  const { namespace, name } = cluster.meta;
  const provisioning = await readOptional(management, provisioningClusters, { namespace, name });
  if (provisioning === "notServed") return notInstalled;
  const which = `${namespace ?? ""}/${name}`;
  const known = provisioning === undefined ? undefined : rancherName(provisioning);
  if (known === undefined)
    return underWay(
      `cluster ${which} of provisioning.cattle.io does not exist or has no name in Rancher yet`,
    );
  const rancher = await readOptional(management, rancherClusters, { name: known });
  if (rancher === "notServed") return notInstalled;
  if (rancher === undefined) return underWay(`cluster ${known} of management.cattle.io does not exist yet`);
  const workspace = workspaceOf(rancher) ?? DEFAULT_WORKSPACE;
  if (workspaceOf(rancher) === undefined) {
    const { resourceVersion } = rancher.metadata;
    await management.mergePatch(
      rancherClusters,
      { name: known },
      { metadata: { resourceVersion }, spec: { fleetWorkspaceName: DEFAULT_WORKSPACE } },
    );
  }
  // Rancher names it as the one or as the other, by how the cluster came to it.
  for (const each of [known, name]) {
    const fleet = await readOptional(management, fleetClusters, { namespace: workspace, name: each });
    if (fleet === "notServed") return notInstalled;
    if (fleet === undefined) continue;
    // Its own name is unique in Rancher. That of the Cluster may be another's in a workspace that clusters of many namespaces share.
    if (each !== known && fleet.metadata.labels?.[RANCHER_NAME_LABEL] !== known)
      return underWay(
        `cluster ${name} of fleet.cattle.io in namespace ${workspace} is not labelled ${RANCHER_NAME_LABEL}: ${known}, and there is no other yet`,
      );
    await label(fleet, cluster, management);
    return ready;
  }
  return underWay(`cluster ${known} of fleet.cattle.io does not exist in namespace ${workspace} yet`);
}

/** Labels of ours are put right; others, also those the Cluster has no longer, stay. */
async function label(
  fleet: KubeObject,
  cluster: Seen<Cluster>,
  management: Deps["management"],
): Promise<void> {
  const given = FLEET_LABELS.flatMap((key) => {
    const value = cluster.metadata.labels[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  const wanted = Object.fromEntries([[clusterNameLabel, cluster.meta.name], ...given]);
  const has = fleet.metadata.labels ?? {};
  if (Object.entries(wanted).every(([key, value]) => has[key] === value)) return;
  const { namespace, name, resourceVersion } = fleet.metadata;
  await management.mergePatch(
    fleetClusters,
    { namespace, name },
    { metadata: { resourceVersion, labels: wanted } },
  );
}

function underWay(message: string): Verdict {
  return { status: "False", reason: clusterReasons.FleetIntegrationInProgress, message };
}

async function report({ object }: Event, deps: Deps, verdict: Verdict): Promise<void> {
  await reportOnCluster(object, deps, [{ type: clusterConditions.FleetIntegrationReady, ...verdict }]);
}
