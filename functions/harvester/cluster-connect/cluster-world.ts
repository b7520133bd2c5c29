import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { isExternallyManaged, ownerCluster, pauseReason } from "#functions/harvester/owner-cluster.ts";
import { clusterView, type Cluster } from "#platform/cluster-api/cluster.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { deploymentView, harvesterDeployment, type Deployment } from "#platform/harvester/deployment.ts";
import { namespaceView, type Namespace } from "#platform/harvester/namespace.ts";
import { nodeView, type Node } from "#platform/cluster-api/node.ts";
import { harvesterConnection, type Connection, type Seen } from "#platform/kube/view.ts";

/** What a HarvesterCluster rests on. */
export interface ClusterWorld {
  readonly cluster: Seen<Cluster> | undefined;
  readonly connection: Seen<ConnectionState> | undefined;
  /** Harvester's own Deployment. */
  readonly harvester: Seen<Deployment> | undefined;
  readonly targetNamespace: Seen<Namespace> | undefined;
  /** Harvester's own Nodes. */
  readonly hosts: readonly Seen<Node>[];
}

export type ClusterConnectView = View<HarvesterClusterBody, ClusterWorld>;

/** Nothing on Harvester is looked at before the owner Cluster is there, nor while it is paused. */
export const clusterWorld = relations(harvesterClusterView)
  .one("cluster", clusterView, ownerCluster)
  .one("connection", connectionStateView, (own, { cluster }) => {
    const connection = connectionOf(own, cluster);
    return connection === undefined ? undefined : connectionStateRef(connection);
  })
  .one(
    "harvester",
    deploymentView,
    (own, { cluster }) => {
      const connection = connectionOf(own, cluster);
      return connection === undefined ? undefined : harvesterDeployment(connection);
    },
    { optional: true },
  )
  .one(
    "targetNamespace",
    namespaceView,
    (own, { cluster }) => {
      const connection = connectionOf(own, cluster);
      return connection === undefined ? undefined : { connection, name: own.spec.targetNamespace };
    },
    { optional: true },
  )
  .matching(
    "hosts",
    nodeView,
    (own, { cluster }) => {
      const connection = connectionOf(own, cluster);
      return connection === undefined
        ? []
        : ["True", "False", "Unknown"].map((value) => ({ connection, index: "ready", value }));
    },
    { optional: true },
  );

function connectionOf(
  own: Seen<HarvesterClusterBody>,
  cluster: Seen<Cluster> | undefined,
): Connection | undefined {
  const asleep =
    cluster === undefined ||
    own.meta.deletionTimestamp !== undefined ||
    isExternallyManaged(own) ||
    pauseReason(own, cluster) !== undefined;
  return asleep ? undefined : harvesterConnection(own.spec.identitySecret);
}
