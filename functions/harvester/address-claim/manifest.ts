import {
  clusterNameLabel,
  machineClaimFinalizer,
  ownerNameLabel,
  ownerUidLabel,
  storageApiVersion,
  watchFilterLabel,
} from "#api/names.ts";
import { claimRef } from "#functions/harvester/machine-claims.ts";
import { labelValue } from "#functions/harvester/ownership.ts";
import { identityOf, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { PoolRef } from "#platform/cluster-api/ipam.ts";
import { apiVersionOf, type NewObject } from "#platform/kube/resource.ts";
import { ipAddressClaims } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

export interface WantedClaim {
  /** Place of the pool in the machine's configuration, from 0. */
  readonly index: number;
  readonly pool: PoolRef;
  readonly clusterName: string | undefined;
}

/**
 * The claim for one pool. Owned by the machine, so that it moves and goes with it (Cluster API contract, IPAM provider), and held by a finalizer of
 * ours: whoever deletes it, a garbage collector in the foreground say, its address stays in use while there is a VM.
 */
export function claimManifest(
  own: Seen<HarvesterMachineBody>,
  { index, pool, clusterName }: WantedClaim,
): NewObject {
  const { namespace, name } = claimRef(own, index);
  const watchFilter = own.metadata.labels[watchFilterLabel];
  const { apiGroup, kind } = pool;
  return {
    apiVersion: apiVersionOf(ipAddressClaims),
    kind: ipAddressClaims.kind,
    metadata: {
      namespace,
      name,
      labels: {
        [ownerUidLabel]: identityOf(own),
        [ownerNameLabel]: labelValue(own.meta.name),
        ...(clusterName !== undefined && { [clusterNameLabel]: clusterName }),
        ...(watchFilter !== undefined && { [watchFilterLabel]: watchFilter }),
      },
      finalizers: [machineClaimFinalizer],
      ownerReferences: [
        {
          apiVersion: storageApiVersion,
          kind: "HarvesterMachine",
          name: own.meta.name,
          uid: own.meta.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: { ...(clusterName !== undefined && { clusterName }), poolRef: { apiGroup, kind, name: pool.name } },
  };
}
