import type { Deps, StepClient } from "#functions/contract/deps.ts";
import { allocationClaim } from "#functions/harvester/claim-entries.ts";
import type { HeldClaim } from "#functions/harvester/claim-serve/hold.ts";
import { markedPatch } from "#functions/harvester/pool-users.ts";
import { writePool } from "#functions/harvester/pool-write.ts";
import { openPool } from "#platform/harvester/ip-pool-allocation.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { ipAddressClaims } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

const ROUNDS = 4;

/** What claims came to hold, and the version of the IPPool in which they do. */
interface Allocated {
  /** Undefined: it is gone. */
  readonly ipPool: Seen<IpPool> | undefined;
  /** By uid of the claim. */
  readonly addresses: ReadonlyMap<string, string>;
}

/**
 * One address for each claim, first come first served, in one compare-and-set. Who stands in the pool already keeps its address; who has an IPAddress
 * already gets that address or none.
 *
 * @throws KubeError `conflict` when the pool changed again and again, or of any request.
 */
export async function allocate(
  harvester: StepClient,
  held: readonly HeldClaim[],
  deps: Deps,
): Promise<Allocated> {
  const [first] = held;
  const seen = first?.item.related.ipPool ?? first?.item.related.heldIn[0];
  if (first === undefined || seen === undefined) return { ipPool: undefined, addresses: new Map() };
  const { name } = seen.meta;
  const pools = new Map([[name, seen]]);
  const management = first.item.related.connection?.managementUid;
  for (let round = 0; round < ROUNDS; round += 1) {
    const ipPool = pools.get(name);
    if (ipPool === undefined) return { ipPool: undefined, addresses: new Map() };
    const { addresses, taken, patch } = planned(ipPool, held);
    const isWritten =
      patch === undefined ||
      (await writePool(harvester, pools, name, markedPatch(patch, ipPool, management)));
    if (!isWritten) continue;
    for (const { item } of taken) {
      const { meta } = item.object;
      deps.count("caphv_ippool_allocations_total");
      deps.announce(
        { type: ipAddressClaims, meta },
        {
          type: "Normal",
          reason: "AddressAllocated",
          message: `address ${addresses.get(meta.uid)} of IPPool ${name} is allocated`,
        },
      );
    }
    return { ipPool: pools.get(name), addresses };
  }
  throw new KubeError({
    reason: "conflict",
    message: `IPPool ${name} changed ${ROUNDS} times while addresses were allocated`,
    dependency: harvester.connection,
  });
}

function planned(ipPool: Seen<IpPool>, held: readonly HeldClaim[]) {
  const addresses = new Map<string, string>();
  const taken: HeldClaim[] = [];
  const read = ipPool.summary.ranges;
  const ranges = "pool" in read ? read.pool : { ranges: [], gateways: [], size: 0n };
  const open = openPool(ipPool.status, ranges);
  for (const claim of held) {
    const { object, related } = claim.item;
    const wanted = allocationClaim(object, related.address?.spec.address);
    const known = open.held(wanted);
    const address = known ?? open.take(wanted);
    if (address === undefined) continue;
    addresses.set(object.meta.uid, address);
    if (known === undefined) taken.push(claim);
  }
  return { addresses, taken, patch: open.patch() };
}
