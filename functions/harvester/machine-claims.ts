import { claimsAnnotation, machineClaimFinalizer, ownerUidLabel } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import {
  effectiveNetwork,
  type EffectiveNetwork,
  type StaticSource,
} from "#functions/harvester/network-config.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { identityOf, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import {
  ipAddressClaimView,
  type ClaimedAddress,
  type IpAddressClaim,
  type PoolRef,
} from "#platform/cluster-api/ipam.ts";
import { parseIp } from "#platform/harvester/ip-address.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { ipAddressClaims } from "#platform/kube/resources.ts";
import { MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

type Own = Seen<HarvesterMachineBody>;
type Claimed = Extract<EffectiveNetwork, { kind: "ipam" }>;

/** What there is of a machine's IPAddressClaims. */
export interface MachineClaims {
  /** Claims under the machine's names for them, whosever they are. */
  readonly claims: readonly Seen<IpAddressClaim>[];
  /** The IPAddresses these claims name. */
  readonly claimed: readonly Seen<ClaimedAddress>[];
}

/** Where the machine's claims are: as many as its configuration asks for, or as were once noted on it. */
export function claimRefs(
  own: Own,
  harvesterCluster: Seen<HarvesterClusterBody> | undefined,
): readonly ObjectRef[] {
  const network = effectiveNetwork(own, harvesterCluster);
  const wanted = network.kind === "ipam" ? network.pools.length : 0;
  return Array.from({ length: Math.max(wanted, notedClaims(own)) }, (_, index) => claimRef(own, index));
}

/** How many claims may have been made for the machine. */
export function notedClaims(own: Own): number {
  const noted = Number(own.metadata.annotations[claimsAnnotation] ?? 0);
  return Number.isInteger(noted) && noted > 0 && noted <= MOST_CLAIMS ? noted : 0;
}

/** As many pools as a configuration may name, and some more. */
const MOST_CLAIMS = 16;

/** Where the claim for the n-th pool is, from 0; named after the machine (Cluster API contract, IPAM provider). */
export function claimRef(own: Own, index: number): ObjectRef {
  return {
    connection: MANAGEMENT,
    namespace: own.meta.namespace,
    name: `${own.meta.name}-address-${index}`,
  };
}

/** Where the addresses are that these claims were given. */
export function claimedRefs(claims: readonly Seen<IpAddressClaim>[]): readonly ObjectRef[] {
  return claims.flatMap(({ meta, status }) =>
    status.addressRef === undefined
      ? []
      : [{ connection: MANAGEMENT, namespace: meta.namespace, name: status.addressRef.name }],
  );
}

/** Whether the claim is the machine's; by the identity, which survives `clusterctl move` and a restore. */
export function isOwnClaim(claim: Pick<IpAddressClaim, "metadata">, own: Own): boolean {
  return claim.metadata.labels[ownerUidLabel] === identityOf(own);
}

export function ownClaims(
  own: Own,
  { claims }: Pick<MachineClaims, "claims">,
): readonly Seen<IpAddressClaim>[] {
  return claims.filter((claim) => isOwnClaim(claim, own));
}

/** Whether the claim asks this pool; what a claim asks never changes. */
export function asks({ spec: { poolRef } }: Pick<IpAddressClaim, "spec">, pool: PoolRef): boolean {
  return poolRef.apiGroup === pool.apiGroup && poolRef.kind === pool.kind && poolRef.name === pool.name;
}

/** The addresses of all the machine's claims, in the order of its pools; undefined while one of them is waited for. */
export function claimedAddresses(
  own: Own,
  network: Claimed,
  related: MachineClaims,
): readonly StaticSource[] | undefined {
  const addresses = network.pools.flatMap((pool, index) => {
    const found = claimedAddress(own, { pool, index }, related);
    return found === undefined ? [] : [staticSource(network, found)];
  });
  return addresses.length < network.pools.length ? undefined : addresses;
}

function claimedAddress(
  own: Own,
  { pool, index }: { readonly pool: PoolRef; readonly index: number },
  related: MachineClaims,
): Seen<ClaimedAddress> | undefined {
  const { name } = claimRef(own, index);
  const claim = ownClaims(own, related).find(({ meta }) => meta.name === name);
  if (claim === undefined || claim.meta.deletionTimestamp !== undefined || !asks(claim, pool))
    return undefined;
  return related.claimed.find(
    ({ meta, spec }) =>
      meta.name === claim.status.addressRef?.name &&
      meta.deletionTimestamp === undefined &&
      spec.claimRef.name === name,
  );
}

/** The provider's gateway, else the configured one if it is of the address's family. */
function staticSource(network: Claimed, { meta, spec }: Seen<ClaimedAddress>): StaticSource {
  const family = parseIp(spec.address)?.family;
  const fallback = family === parseIp(network.gateway ?? "")?.family ? network.gateway : undefined;
  const gateway = spec.gateway === undefined || spec.gateway === "" ? fallback : spec.gateway;
  return {
    address: spec.address,
    network: {
      kind: "claim",
      gateway,
      subnetMask: String(spec.prefix),
      dnsServers: network.dnsServers,
      dnsSearch: network.dnsSearch,
      source: `IPAddress ${meta.namespace ?? ""}/${meta.name}: spec`,
    },
  };
}

/**
 * The claims at these places by quorum reads; undefined when the management cluster knows no IPAddressClaims.
 *
 * @throws KubeError of any other failure.
 */
export async function readClaims(
  { management }: Pick<Deps, "management">,
  refs: readonly ObjectRef[],
): Promise<readonly Seen<IpAddressClaim>[] | undefined> {
  try {
    const found = await Promise.all(refs.map((ref) => freshLook(management, ipAddressClaimView, ref)));
    return found.filter((claim) => claim !== undefined);
  } catch (error) {
    if (isKubeError(error) && error.detail === "notServed") return undefined;
    throw error;
  }
}

/**
 * Takes our hold off the machine's claim: from now on its provider may give the address to another. Only when the VM is proven absent, or was given
 * up.
 *
 * @throws KubeError `conflict` when the claim changed meanwhile.
 */
export async function letGoOfClaim(
  { management }: Pick<Deps, "management">,
  { meta, metadata }: Seen<IpAddressClaim>,
): Promise<void> {
  if (!metadata.finalizers.includes(machineClaimFinalizer)) return;
  const finalizers = metadata.finalizers.filter((name) => name !== machineClaimFinalizer);
  const { namespace, name, resourceVersion } = meta;
  await management.mergePatch(
    ipAddressClaims,
    { namespace, name },
    { metadata: { resourceVersion, finalizers } },
  );
}
