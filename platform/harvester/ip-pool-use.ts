import { canonicalIp, formatIp, parseIp } from "#platform/harvester/ip-address.ts";
import { contains, type PoolRanges } from "#platform/harvester/ip-pool-ranges.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";

/** How full a pool is, counted from its ranges and entries; its own counters are not believed. */
export interface PoolUse {
  /** Addresses that can be given out. */
  readonly capacity: number;
  readonly used: number;
  readonly free: number;
}

/** An address that several entries give away. */
export interface SharedAddress {
  readonly address: string;
  /** Each as `<holder id> in <pool>`, sorted. */
  readonly holders: readonly string[];
}

/** A pool is short of addresses when at most one in so many is free. */
const SHORT_SHARE = 10;

/** Undefined for a pool whose ranges cannot be read. Entries outside the ranges, or that are no address, take nothing away. */
export function poolUse({ status, summary }: IpPool): PoolUse | undefined {
  const { ranges } = summary;
  return "problem" in ranges ? undefined : countUse(status, ranges.pool);
}

/** Whether at most a tenth of the pool's addresses is free. False for a pool whose ranges cannot be read. */
export function isShort({ status, summary }: IpPool): boolean {
  const { ranges } = summary;
  if ("problem" in ranges) return false;
  const capacity = Number(ranges.pool.size);
  // No entry takes more than one address: mostly the number of entries decides, without a look at each.
  const atLeastFree = capacity - Object.keys(status.allocated).length;
  if (atLeastFree * SHORT_SHARE > capacity) return false;
  return countUse(status, ranges.pool).free * SHORT_SHARE <= capacity;
}

function countUse(status: IpPool["status"], { ranges, gateways, size }: PoolRanges): PoolUse {
  const excluded = new Set(gateways.map(formatIp));
  const used = new Set<string>();
  for (const text of Object.keys(status.allocated)) {
    const ip = parseIp(text);
    if (ip === undefined || !ranges.some((range) => contains(range, ip))) continue;
    const address = formatIp(ip);
    if (!excluded.has(address)) used.add(address);
  }
  const capacity = Number(size);
  return { capacity, used: used.size, free: Math.max(0, capacity - used.size) };
}

/** Addresses that stand in these pools of one Harvester more than once, whatever their spelling. */
export function sharedAddresses(
  pools: readonly (Pick<IpPool, "status"> & { readonly meta: { readonly name: string } })[],
): readonly SharedAddress[] {
  const holders = new Map<string, string[]>();
  for (const { meta, status } of pools) {
    for (const [text, id] of Object.entries(status.allocated)) {
      const address = DOTTED.test(text) ? text : canonicalIp(text);
      const known = holders.get(address);
      if (known === undefined) holders.set(address, [`${id} in ${meta.name}`]);
      else known.push(`${id} in ${meta.name}`);
    }
  }
  return [...holders]
    .filter(([, found]) => found.length > 1)
    .map(([address, found]) => ({ address, holders: found.toSorted() }))
    .toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

/** Such an address has no second spelling. */
const DOTTED = /^\d{1,3}(?:\.\d{1,3}){3}$/;
