import { capfnGroup } from "#api/names.ts";
import type { View } from "#functions/contract/function.ts";
import { relations, type IndexQuery } from "#functions/contract/relations.ts";
import { claimHolderId } from "#functions/harvester/claim-entries.ts";
import { clusterView, type Cluster } from "#platform/cluster-api/cluster.ts";
import {
  connectionStateRef,
  connectionStateView,
  type ConnectionState,
} from "#platform/cluster-api/connection-state.ts";
import {
  clusterOfClaim,
  harvesterIpPoolView,
  ipAddressClaimView,
  ipAddressView,
  type ClaimedAddress,
  type HarvesterIpPool,
  type IpAddressClaim,
  type PoolRef,
} from "#platform/cluster-api/ipam.ts";
import { ipPoolView, type IpPool } from "#platform/harvester/ip-pool.ts";
import { harvesterIpPools } from "#platform/kube/resources.ts";
import { harvesterConnection, MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** The world around a claim that one of our pools is to serve; of any other claim nothing is looked at. */
export interface ClaimScope {
  readonly pool: Seen<HarvesterIpPool> | undefined;
  readonly cluster: Seen<Cluster> | undefined;
  readonly connection: Seen<ConnectionState> | undefined;
  /** The IPPool on Harvester the pool stands for. */
  readonly ipPool: Seen<IpPool> | undefined;
  /** IPPools in which an entry is the claim's. */
  readonly heldIn: readonly Seen<IpPool>[];
  /** The IPAddress of the claim's name, whosever it is. */
  readonly address: Seen<ClaimedAddress> | undefined;
}

export type ClaimView = View<IpAddressClaim, ClaimScope>;

/** As for machines that wait for a pool: its changes wake nobody, except those who cannot use it as it is. */
export const claimScope = relations(ipAddressClaimView)
  .one("pool", harvesterIpPoolView, (own) => ownPoolRef(own))
  .one("cluster", clusterView, (own) => clusterRef(own))
  .one(
    "connection",
    connectionStateView,
    (_own, { pool }) => pool && connectionStateRef(harvesterConnection(identityOfPool(pool))),
    { wake: "none", optional: true },
  )
  .one("ipPool", ipPoolView, (_own, { pool }) => pool && ipPoolRef(pool), { wake: "membership" })
  .one(
    "unusable",
    ipPoolView,
    (_own, { ipPool }) =>
      ipPool !== undefined && "problem" in ipPool.summary.ranges ? ipPool.meta : undefined,
    { wake: "places" },
  )
  .matching("heldIn", ipPoolView, (own, { pool }) => holderQueries(own, pool), { wake: "membership" })
  .one("address", ipAddressView, (own) => (ownPoolRef(own) === undefined ? undefined : addressRef(own)));

/** What giving an address back looks at; it does without the IPPool's ranges. */
export type ReleaseScope = Omit<ClaimScope, "ipPool">;

export type ReleaseView = View<IpAddressClaim, ReleaseScope>;

/** What is on Harvester is optional: it is to be told when it is not known, and may be given up. */
export const releaseScope = relations(ipAddressClaimView)
  .one("pool", harvesterIpPoolView, (own) => ownPoolRef(own))
  .one("cluster", clusterView, (own) => clusterRef(own))
  .one(
    "connection",
    connectionStateView,
    (own, { pool }) =>
      own.meta.deletionTimestamp === undefined || pool === undefined
        ? undefined
        : connectionStateRef(harvesterConnection(identityOfPool(pool))),
    { optional: true },
  )
  .matching("heldIn", ipPoolView, (own, { pool }) => holderQueries(own, pool), {
    wake: "membership",
    optional: true,
  })
  .one("address", ipAddressView, (own) => (ownPoolRef(own) === undefined ? undefined : addressRef(own)));

function holderQueries(
  own: Seen<IpAddressClaim>,
  pool: Seen<HarvesterIpPool> | undefined,
): readonly IndexQuery[] {
  return pool === undefined
    ? []
    : [{ connection: ipPoolRef(pool).connection, index: "holder", value: claimHolderId(own) }];
}

/** Whether a pool of our kind is to serve the claim. */
export function isForUs({ poolRef }: { readonly poolRef: PoolRef }): boolean {
  return poolRef.apiGroup === capfnGroup && poolRef.kind === harvesterIpPools.kind;
}

function ownPoolRef({ meta, spec }: Seen<IpAddressClaim>): ObjectRef | undefined {
  return isForUs(spec)
    ? { connection: MANAGEMENT, namespace: meta.namespace, name: spec.poolRef.name }
    : undefined;
}

function clusterRef(own: Seen<IpAddressClaim>): ObjectRef | undefined {
  const name = clusterOfClaim(own);
  return name === undefined || !isForUs(own.spec)
    ? undefined
    : { connection: MANAGEMENT, namespace: own.meta.namespace, name };
}

/** An IPAddress has the name of its claim (Cluster API contract, IPAM provider). */
function addressRef({ meta }: Seen<IpAddressClaim>): ObjectRef {
  return { connection: MANAGEMENT, namespace: meta.namespace, name: meta.name };
}

/** The Secret that leads to the pool's Harvester: one of the pool's own namespace. */
export function identityOfPool({ meta, spec }: Seen<HarvesterIpPool>) {
  return { namespace: meta.namespace ?? "", name: spec.identitySecret.name };
}

/** The IPPool on Harvester the pool stands for. */
export function ipPoolRef(pool: Seen<HarvesterIpPool>): ObjectRef {
  return { connection: harvesterConnection(identityOfPool(pool)), name: pool.spec.ipPool };
}

/**
 * Why nothing is done for the claim now (Cluster API contract, IPAM provider and pausing); undefined when something may be. A claim whose Cluster is
 * gone is served no more, but what it holds is given back.
 */
export function claimStop({
  object,
  related,
}: {
  readonly object: Seen<IpAddressClaim>;
  readonly related: Pick<ClaimScope, "cluster">;
}): string | undefined {
  const { cluster } = related;
  const name = clusterOfClaim(object);
  const annotation = "cluster.x-k8s.io/paused";
  if (object.metadata.annotations[annotation] !== undefined) return `the annotation ${annotation} is set`;
  if (cluster?.spec.paused === true) return `Cluster ${cluster.meta.name} has spec.paused: true`;
  if (cluster?.metadata.annotations[annotation] !== undefined)
    return `Cluster ${cluster.meta.name} has the annotation ${annotation}`;
  const moves = "clusterctl.cluster.x-k8s.io/delete-for-move";
  if (object.metadata.annotations[moves] !== undefined || cluster?.metadata.annotations[moves] !== undefined)
    return "clusterctl moves the claim to another management cluster; its address stays allocated";
  return name !== undefined && cluster === undefined && object.meta.deletionTimestamp === undefined
    ? `Cluster ${name} does not exist`
    : undefined;
}
