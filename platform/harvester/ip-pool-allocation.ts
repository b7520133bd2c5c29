import { formatIp, parseIp, type IpAddress } from "#platform/harvester/ip-address.ts";
import { contains, type PoolRanges } from "#platform/harvester/ip-pool-ranges.ts";
import type { IpPoolBody } from "#platform/harvester/ip-pool-body.ts";

/** Someone who wants one address of a pool. */
export interface Claim {
  /** Written as the value of `status.allocated`. */
  readonly id: string;
  /** Ids under which an entry already is the claimant's; `id` is one of them. */
  readonly heldAs: readonly string[];
  /** Ids in `status.allocatedHistory` whose address is preferred while it is free. */
  readonly formerlyAs: readonly string[];
  /** This address or none. */
  readonly only?: string | undefined;
}

/** One version of a pool, from which addresses are taken one after the other; what was taken is written in one patch. */
export interface OpenPool {
  /** The address the claimant holds already, written or taken here. */
  held(claim: Claim): string | undefined;
  /** Takes an address for the claim; undefined when none is free. */
  take(claim: Claim): string | undefined;
  /** The `status` part of a merge patch with all that was taken, valid for this version only; undefined when nothing was. */
  patch(): Readonly<Record<string, unknown>> | undefined;
}

/**
 * Opens a pool for allocation. Addresses are given out round robin from the one after `status.lastAllocated`; gateways and allocated
 * addresses are skipped, the claimant's former address comes first, history of others binds nobody. Each address costs at most one step
 * per allocated one, however large the ranges are.
 */
export function openPool(status: IpPoolBody["status"], pool: PoolRanges): OpenPool {
  const holders = new Map(Object.entries(status.allocated).map(([address, id]) => [id, address]));
  // Every address of the pool is read for it, which is not worth it for who only asks what is held.
  let seen: { taken: Set<bigint>; history: ReadonlyMap<string, readonly IpAddress[]> } | undefined;
  const granted: Grant[] = [];
  let last = status.lastAllocated === undefined ? undefined : parseIp(status.lastAllocated);
  let exhausted = false;
  return {
    held: (claim) => claim.heldAs.map((id) => holders.get(id)).find((address) => address !== undefined),
    take: (claim) => {
      if (exhausted) return undefined;
      seen ??= { taken: takenAddresses(status, pool), history: addressesByFormerHolder(status) };
      const { taken, history } = seen;
      const former = formerAddress(claim, history, pool, taken);
      const ip =
        claim.only === undefined ? (former ?? nextFree(pool, taken, last)) : exactly(claim.only, pool, taken);
      if (ip === undefined) {
        exhausted = claim.only === undefined;
        return undefined;
      }
      taken.add(tag(ip));
      last = ip;
      const address = formatIp(ip);
      holders.set(claim.id, address);
      granted.push({ id: claim.id, address });
      return address;
    },
    patch: () => (granted.length === 0 ? undefined : allocationPatch(status, pool, granted)),
  };
}

/**
 * How many addresses can be taken at least; 0 only when there is none. Counting is enough as long as there are fewer entries than addresses;
 * only then it matters which of them lie outside the ranges, because these were narrowed.
 */
export function freeAddresses(status: IpPoolBody["status"], pool: PoolRanges): number {
  const entries = BigInt(Object.keys(status.allocated).length);
  const free = pool.size > entries ? pool.size - entries : pool.size - BigInt(takenOf(status, pool));
  return Math.min(Number(free), Number.MAX_SAFE_INTEGER);
}

/** How many of the addresses that count in the pool's size are taken. */
function takenOf(status: IpPoolBody["status"], { ranges, gateways }: PoolRanges): number {
  const taken = new Set<bigint>();
  for (const address of Object.keys(status.allocated)) {
    const ip = parseIp(address);
    if (ip !== undefined && ranges.some((range) => contains(range, ip))) taken.add(tag(ip));
  }
  for (const gateway of gateways) taken.delete(tag(gateway));
  return taken.size;
}

/** One entry of `status.allocated`. */
export interface Grant {
  readonly address: string;
  readonly id: string;
}

/**
 * The `status` part of a merge patch that gives these entries back, and no other; undefined when none of them is in the pool. They go into
 * the history. Valid for this version of the pool only.
 */
export function planRelease(
  status: IpPoolBody["status"],
  pool: PoolRanges | undefined,
  wanted: readonly Grant[],
): Readonly<Record<string, unknown>> | undefined {
  const released = wanted.filter(({ address, id }) => status.allocated[address] === id);
  if (released.length === 0) return undefined;
  const available = availableWith(status, pool, -released.length);
  return {
    allocated: Object.fromEntries(released.map(({ address }) => [address, null])),
    allocatedHistory: Object.fromEntries(released.map(({ address, id }) => [address, id])),
    ...(available !== undefined && { available }),
  };
}

function allocationPatch(status: IpPoolBody["status"], pool: PoolRanges, granted: readonly Grant[]) {
  const used = new Set(granted.map(({ address }) => address));
  const available = availableWith(status, pool, granted.length);
  const outdated = Object.keys(status.allocatedHistory).filter((address) => used.has(canonical(address)));
  return {
    allocated: Object.fromEntries(granted.map(({ address, id }) => [address, id])),
    lastAllocated: granted.at(-1)?.address,
    // The status of a pool that Harvester has not counted yet must come whole.
    ...(status.total === undefined && available !== undefined && { total: Number(pool.size) }),
    ...(available !== undefined && { available }),
    ...(outdated.length > 0 && {
      allocatedHistory: Object.fromEntries(outdated.map((address) => [address, null])),
    }),
  };
}

/** The counter is derived, never moved up and down, so an earlier miscount does not live on. `status.total` is Harvester's. */
function availableWith(
  status: IpPoolBody["status"],
  pool: PoolRanges | undefined,
  change: number,
): number | undefined {
  const total = status.total ?? (pool === undefined ? undefined : Number(pool.size));
  if (total === undefined || !Number.isSafeInteger(total)) return undefined;
  return Math.max(0, total - Object.keys(status.allocated).length - change);
}

function formerAddress(
  claim: Claim,
  history: ReadonlyMap<string, readonly IpAddress[]>,
  pool: PoolRanges,
  taken: ReadonlySet<bigint>,
): IpAddress | undefined {
  return claim.formerlyAs
    .flatMap((id) => history.get(id) ?? [])
    .find((ip) => !taken.has(tag(ip)) && pool.ranges.some((range) => contains(range, ip)));
}

function exactly(address: string, pool: PoolRanges, taken: ReadonlySet<bigint>): IpAddress | undefined {
  const ip = parseIp(address);
  if (ip === undefined || taken.has(tag(ip))) return undefined;
  return pool.ranges.some((range) => contains(range, ip)) ? ip : undefined;
}

function nextFree(
  pool: PoolRanges,
  taken: ReadonlySet<bigint>,
  last: IpAddress | undefined,
): IpAddress | undefined {
  for (const { family, first, last: end } of inTurn(pool, last)) {
    for (let value = first; value <= end; value += 1n) {
      const ip: IpAddress = { family, value };
      if (!taken.has(tag(ip))) return ip;
    }
  }
  return undefined;
}

/** The ranges in the order of the round robin: what follows the last one given out comes first. */
function inTurn({ ranges }: PoolRanges, last: IpAddress | undefined) {
  const at = last === undefined ? -1 : ranges.findIndex((range) => contains(range, last));
  const current = ranges[at];
  if (last === undefined || current === undefined) return ranges;
  return [
    { ...current, first: last.value + 1n },
    ...ranges.slice(at + 1),
    ...ranges.slice(0, at),
    { ...current, last: last.value },
  ];
}

function takenAddresses(status: IpPoolBody["status"], pool: PoolRanges): Set<bigint> {
  const allocated = Object.keys(status.allocated).map((text) => parseIp(text));
  return new Set([...allocated, ...pool.gateways].filter((ip) => ip !== undefined).map(tag));
}

function addressesByFormerHolder(status: IpPoolBody["status"]): Map<string, IpAddress[]> {
  const history = new Map<string, IpAddress[]>();
  for (const [address, id] of Object.entries(status.allocatedHistory)) {
    const ip = parseIp(address);
    if (ip === undefined) continue;
    const earlier = history.get(id);
    if (earlier === undefined) history.set(id, [ip]);
    else earlier.push(ip);
  }
  return history;
}

/** One number per address of either family. */
function tag({ family, value }: IpAddress): bigint {
  return family === 4 ? value : (1n << 128n) | value;
}

function canonical(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(ip);
}
