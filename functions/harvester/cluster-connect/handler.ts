import { clusterReasons } from "#api/condition-names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, failed, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import type { ClusterConnectView, ClusterWorld } from "#functions/harvester/cluster-connect/cluster-world.ts";
import { missingHold, type Hold } from "#functions/harvester/cluster-hold.ts";
import { pauseReason } from "#functions/harvester/owner-cluster.ts";
import {
  desiredStatus,
  isShown,
  lacksNamespace,
  type NamespaceNews,
} from "#functions/harvester/cluster-connect/desired-status.ts";
import { mergeConditions } from "#platform/cluster-api/conditions.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf } from "#platform/kube/resource.ts";
import { harvesterClusters, namespaces } from "#platform/kube/resources.ts";

/** Nothing tells that a right was granted. */
const ASK_AGAIN_MS = 10 * 60_000;

/**
 * Puts our finalizer on, before anything is made on Harvester, and the server into the spec; makes the target namespace if it is absent; then
 * writes what was found into the status.
 */
export async function connectCluster(
  event: StepEvent<HarvesterClusterBody, ClusterWorld>,
  deps: Deps,
): Promise<Outcome> {
  const { object } = event;
  const name = { namespace: object.meta.namespace, name: object.meta.name };
  let { meta } = object;
  const server = staleServer(event);
  const hold = lackedHold(event);
  if (server !== undefined || hold !== undefined) {
    const patch = {
      metadata: { ...hold, resourceVersion: meta.resourceVersion },
      ...(server !== undefined && { spec: { server } }),
    };
    const { metadata } = await deps.management.mergePatch(harvesterClusters, name, patch);
    // The status speaks of the spec as it is now.
    meta = { ...meta, resourceVersion: metadata.resourceVersion, generation: metadata.generation };
  }
  const news = lacksNamespace(event) ? await createNamespace(event, deps) : undefined;
  const desired = desiredStatus({ ...event, object: { ...object, meta } }, news);
  if (!isShown(event, desired)) {
    const conditions = mergeConditions(object.status.conditions, desired.conditions, deps.now());
    const status = {
      conditions,
      ...(desired.ready !== undefined && { ready: desired.ready }),
      ...(desired.provisioned && { initialization: { provisioned: true } }),
      ...(desired.failureDomains !== undefined && {
        failureDomains: desired.failureDomains.length === 0 ? null : desired.failureDomains,
      }),
    };
    const patch = { metadata: { resourceVersion: meta.resourceVersion }, status };
    await deps.management.mergePatch(harvesterClusters, name, patch, { subresource: "status" });
  }
  if (news === undefined || "created" in news) return done();
  // In the words the status has just been given.
  if (news.permanent) return failed(clusterReasons.InfrastructureProvisioningFailed, news.refused);
  return requeueAfter(ASK_AGAIN_MS, news.refused);
}

/** The URL of Harvester's API server, when the spec shows another one or none. */
export function staleServer({ object, related }: ClusterConnectView): string | undefined {
  const server = related.connection?.server;
  const asleep = pauseReason(object, related.cluster) !== undefined;
  return server === undefined || asleep || server === object.spec.server ? undefined : server;
}

/**
 * What keeps the object until everything made for it is gone, as far as it is missing. Not before there is a connection: nothing can have been
 * made without one, and a cluster that never had any goes at once.
 */
export function lackedHold({ object, related }: ClusterConnectView): Hold | undefined {
  const asleep = pauseReason(object, related.cluster) !== undefined;
  return asleep || related.connection?.state !== "connected" ? undefined : missingHold(object);
}

async function createNamespace(event: ClusterConnectView, deps: Deps): Promise<NamespaceNews> {
  const { identitySecret, targetNamespace } = event.object.spec;
  const harvester = await deps.harvester(identitySecret);
  try {
    await harvester.create(namespaces, {
      apiVersion: apiVersionOf(namespaces),
      kind: namespaces.kind,
      metadata: { name: targetNamespace },
    });
  } catch (error) {
    if (isKubeError(error, "alreadyExists")) return { created: true };
    if (!isKubeError(error, "forbidden", "invalid")) throw error;
    const permanent = !isKubeError(error, "forbidden");
    const mend = permanent
      ? "Harvester refuses the name; correct spec.targetNamespace"
      : "the identity may not create namespaces; create it, or grant the right";
    return { refused: `namespace ${targetNamespace} does not exist, and ${mend}`, permanent };
  }
  deps.announce(
    { type: harvesterClusters, meta: event.object.meta },
    {
      type: "Normal",
      reason: "TargetNamespaceCreated",
      message: `namespace ${targetNamespace} was created on Harvester`,
    },
  );
  return { created: true };
}
