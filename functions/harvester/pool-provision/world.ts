import type { View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import { loadBalancerPoolName, vmPoolName } from "#functions/harvester/cluster-names.ts";
import { poolNames } from "#functions/harvester/network-config.ts";
import { isIdle, ownerCluster } from "#functions/harvester/owner-cluster.ts";
import { clusterView, type Cluster } from "#platform/cluster-api/cluster.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { harvesterConnection, type Seen } from "#platform/kube/view.ts";

/** The IPPools a cluster names, and those under the names of the ones made for it. */
export interface ProvidedPools {
  readonly cluster: Seen<Cluster> | undefined;
  readonly pools: readonly Seen<IpPool>[];
}

export type PoolProvisionView = View<HarvesterClusterBody, ProvidedPools>;

export const providedPools = relations(harvesterClusterView)
  .one("cluster", clusterView, ownerCluster)
  .several(
    "pools",
    ipPoolView,
    (own, { cluster }) => {
      if (isIdle(own, cluster)) return [];
      const connection = harvesterConnection(own.spec.identitySecret);
      const { vmNetworkConfig, loadBalancerConfig } = own.spec;
      const names = new Set([
        ...(vmNetworkConfig === undefined ? [] : poolNames(vmNetworkConfig)),
        ...(vmNetworkConfig?.ipPool === undefined ? [] : [vmPoolName(own)]),
        ...(loadBalancerConfig.ipPool === undefined ? [] : [loadBalancerPoolName(own)]),
      ]);
      return [...names].map((name) => ({ connection, name }));
    },
    { wake: "membership" },
  );
