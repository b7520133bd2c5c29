import { clusterConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import type { Need } from "#functions/contract/function.ts";
import { clusterWorld, type ClusterConnectView } from "#functions/harvester/cluster-connect/cluster-world.ts";
import { isExternallyManaged, pauseReason } from "#functions/harvester/owner-cluster.ts";
import {
  desiredStatus,
  isShown,
  lacksNamespace,
} from "#functions/harvester/cluster-connect/desired-status.ts";
import { connectCluster, lackedHold, staleServer } from "#functions/harvester/cluster-connect/handler.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";

/** A connection is made in less; only what lasts longer is worth a status that says "in progress". */
const GRACE_MS = 2_000;

export const clusterConnect = defineFunction({
  name: "cluster-connect",
  summary:
    "Checks the connection to Harvester, makes the target namespace, publishes failure domains, and says when the infrastructure is ready",
  on: [
    "dev.capfn.cluster.created",
    "dev.capfn.cluster.changed",
    "dev.capfn.connection.changed",
    "dev.capfn.object.changed",
    "dev.capfn.step.due",
  ],
  for: harvesterClusterView,
  related: clusterWorld,
  needs,
  inputs: (view) => ({
    // A status somebody put back is a new reason to write. But a refused namespace is not asked for again because the report of it was written.
    version: lacksNamespace(view) ? undefined : view.object.meta.resourceVersion,
    desired: desiredStatus(view),
    server: staleServer(view),
    hold: lackedHold(view),
    namespace: lacksNamespace(view),
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
  }),
  condition: clusterConditions.InfrastructureReady,
  rbac: [
    {
      api: "management",
      apiGroups: ["infrastructure.cluster.x-k8s.io"],
      resources: ["harvesterclusters", "harvesterclusters/status"],
      verbs: ["patch"],
    },
    { api: "harvester", apiGroups: [""], resources: ["namespaces"], verbs: ["create"] },
  ],
  uses: ["management"],
  handle: connectCluster,
});

function needs(view: ClusterConnectView): Need {
  const { object, related } = view;
  if (object.meta.deletionTimestamp !== undefined || isExternallyManaged(object)) return false;
  if (related.cluster === undefined) return false;
  const atRest =
    isShown(view, desiredStatus(view)) && staleServer(view) === undefined && !lacksNamespace(view);
  if (atRest && lackedHold(view) === undefined) return false;
  const asleep = pauseReason(object, related.cluster) !== undefined;
  const settled = related.connection !== undefined && related.connection.state !== "connecting";
  if (asleep || settled) return true;
  return new Date(Date.parse(object.meta.creationTimestamp ?? "1970-01-01T00:00:00Z") + GRACE_MS);
}
