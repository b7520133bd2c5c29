import { hadVm } from "#functions/harvester/ownership.ts";
import { identityOf, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Claim, Grant } from "#platform/harvester/ip-pool-allocation.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** An entry of `status.allocated` of a pool. */
export interface PoolEntry extends Grant {
  /** Name of the IPPool. */
  readonly pool: string;
}

/**
 * What the machine holds in these pools, and may use or give back. An entry under the Go provider's id `<namespace>/<name>`, which a machine
 * of another management cluster may carry too, is the machine's only when its status names the very address and, if any, the pool.
 */
export function ownEntries(
  own: Seen<HarvesterMachineBody>,
  pools: readonly Seen<IpPool>[],
): readonly PoolEntry[] {
  const isOwn = ownership(own);
  return pools.flatMap(({ meta, summary }) =>
    [holderId(own), legacyHolderId(own)]
      .flatMap((id) => summary.addressesOf(id).map((address) => ({ pool: meta.name, address, id })))
      .filter(isOwn),
  );
}

/** Whether an entry is the machine's. */
function ownership(own: Seen<HarvesterMachineBody>): (entry: PoolEntry) => boolean {
  const { allocatedPoolRef = "" } = own.status;
  const known = knownAddresses(own);
  const legacy = legacyHolderId(own);
  const current = holderId(own);
  return ({ pool, address, id }) =>
    id === current ||
    (id === legacy && known.includes(address) && (allocatedPoolRef === "" || allocatedPoolRef === pool));
}

/**
 * The one of its entries whose address the machine uses. Should there be several, the one its status names, then the one of the pool tried
 * first, then the first by name; so every function comes to the same answer.
 */
export function heldAddress(
  own: Seen<HarvesterMachineBody>,
  pools: readonly Seen<IpPool>[],
  order: readonly string[] = [],
): PoolEntry | undefined {
  const place = (pool: string) => (order.includes(pool) ? order.indexOf(pool) : order.length);
  const name = ({ pool, address }: PoolEntry) => `${pool}/${address}`;
  const held = ownEntries(own, pools);
  const named = held.filter(({ address }) => address === own.status.allocatedIPAddress);
  return [...(named.length > 0 ? named : held)].sort(
    (a, b) => place(a.pool) - place(b.pool) || name(a).localeCompare(name(b)),
  )[0];
}

/** Id under which the machine holds an address in an IPPool: carries the identity, so a namesake can neither use nor release it. */
function holderId(own: Seen<HarvesterMachineBody>): string {
  return `${legacyHolderId(own)}/${identityOf(own)}`;
}

/** What a holder id of ours says. */
export interface Holder {
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
}

/** Reads an id written by {@link holderId}; undefined for every other form: the Go provider's, a load balancer's, another tool's. */
export function readHolder(id: string): Holder | undefined {
  const [namespace = "", name = "", identity = "", ...rest] = id.split("/");
  return namespace === "" || name === "" || identity === "" || rest.length > 0
    ? undefined
    : { namespace, name, identity };
}

/** Ids under which entries of the machine are looked for. Which of what is found there is its own, {@link ownEntries} tells. */
export function holderIds(own: Seen<HarvesterMachineBody>): readonly string[] {
  return knownAddresses(own).length === 0 ? [holderId(own)] : [holderId(own), legacyHolderId(own)];
}

/** The machine's claim to one address; one it had before, also under the Go provider's id, is preferred. */
export function claimOf(own: Seen<HarvesterMachineBody>): Claim {
  const id = holderId(own);
  return { id, heldAs: [id], formerlyAs: [id, legacyHolderId(own)] };
}

/** Key under which everything that writes a pool takes turns. */
export function poolKey(pool: { readonly connection: string; readonly name: string }): string {
  return `ippool/${pool.connection}/${pool.name}`;
}

/** The address the status says was allocated; after a move or a restore, which lose the status, those the machine's VM reports. */
function knownAddresses(own: Seen<HarvesterMachineBody>): readonly string[] {
  const { allocatedIPAddress, addresses = [] } = own.status;
  if (allocatedIPAddress !== undefined) return [allocatedIPAddress];
  return hadVm(own)
    ? addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address)
    : [];
}

/** What the Go provider wrote. */
function legacyHolderId(own: Seen<HarvesterMachineBody>): string {
  return `${own.meta.namespace ?? ""}/${own.meta.name}`;
}
