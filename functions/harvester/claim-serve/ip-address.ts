import { addressFinalizer, clusterNameLabel } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { isAddressOf, mayBecome } from "#functions/harvester/claim-serve/plan.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import {
  ipAddressView,
  type ClaimedAddress,
  type HarvesterIpPool,
  type IpAddressClaim,
} from "#platform/cluster-api/ipam.ts";
import { formatIp, parseIp } from "#platform/harvester/ip-address.ts";
import { networkOf } from "#platform/harvester/ip-pool-ranges.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf, type NewObject } from "#platform/kube/resource.ts";
import { harvesterIpPools, ipAddressClaims, ipAddresses } from "#platform/kube/resources.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

/** What an IPAddress is made of. */
export interface AddressSource {
  readonly claim: Seen<IpAddressClaim>;
  readonly pool: Seen<HarvesterIpPool>;
  readonly ipPool: Seen<IpPool>;
  /** The address the IPPool holds for the claim. */
  readonly address: string;
}

/** The IPAddress as it has to be (Cluster API contract, IPAM provider); undefined when the address is in none of the pool's ranges any more. */
function ipAddressManifest({ claim, pool, ipPool, address }: AddressSource): NewObject | undefined {
  const ip = parseIp(address);
  const network = ip && networkOf(ipPool.spec, ip);
  if (ip === undefined || network === undefined) return undefined;
  const { namespace, name } = claim.meta;
  const cluster = claim.metadata.labels[clusterNameLabel];
  const { apiGroup, kind, name: poolName } = claim.spec.poolRef;
  return {
    apiVersion: apiVersionOf(ipAddresses),
    kind: ipAddresses.kind,
    metadata: {
      namespace,
      name,
      ...(cluster !== undefined && { labels: { [clusterNameLabel]: cluster } }),
      finalizers: [addressFinalizer],
      ownerReferences: owners(claim, pool),
    },
    spec: {
      claimRef: { name },
      poolRef: { apiGroup, kind, name: poolName },
      address: formatIp(ip),
      prefix: network.prefix,
      ...(network.gateway !== undefined && { gateway: formatIp(network.gateway) }),
    },
  };
}

function owners(claim: Seen<IpAddressClaim>, pool: Seen<HarvesterIpPool>) {
  return [
    {
      apiVersion: apiVersionOf(ipAddressClaims),
      kind: ipAddressClaims.kind,
      name: claim.meta.name,
      uid: claim.meta.uid,
      controller: true,
      blockOwnerDeletion: true,
    },
    {
      apiVersion: apiVersionOf(harvesterIpPools),
      kind: harvesterIpPools.kind,
      name: pool.meta.name,
      uid: pool.meta.uid,
      controller: false,
      blockOwnerDeletion: true,
    },
  ];
}

/**
 * Makes sure that the claim's IPAddress is there. `taken`: one of its name is somebody else's, or says another address.
 *
 * @throws KubeError of any request.
 */
export async function ensureIpAddress(
  { management }: Pick<Deps, "management">,
  source: AddressSource,
  known: Seen<ClaimedAddress> | undefined,
): Promise<"there" | "taken" | "noRange"> {
  const manifest = ipAddressManifest(source);
  if (manifest === undefined) return "noRange";
  let found = known;
  if (found === undefined) {
    try {
      await management.create(ipAddresses, manifest);
      return "there";
    } catch (error) {
      if (!isKubeError(error, "alreadyExists")) throw error;
      const object = await management.get(ipAddresses, manifest.metadata);
      if (object === undefined) throw error;
      found = seenAs(ipAddressView, object, MANAGEMENT);
    }
  }
  const { claim, pool, address } = source;
  if (!mayBecome(found, claim) || found.spec.address !== address) return "taken";
  if (isAddressOf(found, claim)) return "there";
  const { namespace, name, resourceVersion } = found.meta;
  await management.mergePatch(
    ipAddresses,
    { namespace, name },
    { metadata: { resourceVersion, ownerReferences: owners(claim, pool) } },
  );
  return "there";
}
