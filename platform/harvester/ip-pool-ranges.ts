import {
  hostBounds,
  parseCidr,
  parseIp,
  subnetBounds,
  type IpAddress,
  type Subnet,
} from "#platform/harvester/ip-address.ts";
import type { IpPoolBody } from "#platform/harvester/ip-pool-body.ts";

/** Addresses of one family a pool gives out, both ends included. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/** What a pool may give out: its ranges in order, without the gateways in them. */
export interface PoolRanges {
  readonly ranges: readonly AddressRange[];
  /** Gateways that lie inside a range; never given out. */
  readonly gateways: readonly IpAddress[];
  /** Number of addresses that can be given out. */
  readonly size: bigint;
}

/** A field of a pool that makes it unusable, with the mend. */
export interface RangeProblem {
  /** Path below the pool, e.g. `spec.ranges[0].rangeStart`. */
  readonly field: string;
  readonly message: string;
}

export type RangesRead = { readonly pool: PoolRanges } | { readonly problem: RangeProblem };

/**
 * Reads the ranges of an IPPool with the defaults of Harvester's load balancer: from the first to the last host of the subnet, gateway the
 * first host, ends given the wrong way round are swapped. Ends outside the subnet, the network and the broadcast address are refused.
 */
export function readRanges(spec: IpPoolBody["spec"]): RangesRead {
  if (spec.ranges.length === 0) {
    return { problem: { field: "spec.ranges", message: "is empty; give at least one range" } };
  }
  const ranges: AddressRange[] = [];
  const gateways = new Map<string, IpAddress>();
  for (const [index, entry] of spec.ranges.entries()) {
    const read = readRange(entry);
    if ("field" in read) return { problem: { ...read, field: `spec.ranges[${index}].${read.field}` } };
    ranges.push(read.range);
    if (read.gateway !== undefined)
      gateways.set(`${read.gateway.family}/${read.gateway.value}`, read.gateway);
  }
  const inside = [...gateways.values()].filter((gateway) => ranges.some((range) => contains(range, gateway)));
  const size = ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n) - BigInt(inside.length);
  return { pool: { ranges, gateways: inside, size } };
}

/** Prefix length and gateway of the range an address is from; undefined when it lies in none of those that can be read. */
export function networkOf(
  { ranges }: Pick<IpPoolBody["spec"], "ranges">,
  ip: IpAddress,
): { readonly prefix: number; readonly gateway: IpAddress | undefined } | undefined {
  for (const entry of ranges) {
    const subnet = parseCidr(entry.subnet);
    const read = readRange(entry);
    if (subnet === undefined || "field" in read || !contains(read.range, ip)) continue;
    return { prefix: subnet.prefix, gateway: read.gateway };
  }
  return undefined;
}

export function contains({ family, first, last }: AddressRange, ip: IpAddress): boolean {
  return family === ip.family && first <= ip.value && ip.value <= last;
}

type RangeEntry = IpPoolBody["spec"]["ranges"][number];

function readRange(
  entry: RangeEntry,
): { range: AddressRange; gateway: IpAddress | undefined } | RangeProblem {
  const subnet = parseCidr(entry.subnet);
  if (subnet === undefined) {
    return {
      field: "subnet",
      message: `${quote(entry.subnet)} is no CIDR block; give one such as 10.50.0.0/16`,
    };
  }
  const hosts = hostBounds(subnet);
  const start = readEnd("rangeStart", entry.rangeStart, subnet) ?? hosts.first;
  if (typeof start === "object") return start;
  const end = readEnd("rangeEnd", entry.rangeEnd, subnet) ?? hosts.last;
  if (typeof end === "object") return end;
  const gateway = given(entry.gateway) ? parseIp(entry.gateway) : defaultGateway(subnet);
  if (given(entry.gateway) && gateway === undefined) {
    return {
      field: "gateway",
      message: `${quote(entry.gateway)} is no IP address; correct or leave out the field`,
    };
  }
  const [first, last] = start <= end ? [start, end] : [end, start];
  return { range: { family: subnet.family, first, last }, gateway };
}

function readEnd(field: string, text: string | undefined, subnet: Subnet): bigint | RangeProblem | undefined {
  if (!given(text)) return undefined;
  const ip = parseIp(text);
  if (ip === undefined)
    return { field, message: `${quote(text)} is no IP address; correct or leave out the field` };
  const block = subnetBounds(subnet);
  if (ip.family !== subnet.family || ip.value < block.first || ip.value > block.last) {
    return { field, message: `${quote(text)} is outside the range's subnet; give an address of the subnet` };
  }
  const hosts = hostBounds(subnet);
  if (ip.value < hosts.first || ip.value > hosts.last) {
    return {
      field,
      message: `${quote(text)} is the subnet's network or broadcast address; give a host address`,
    };
  }
  return ip.value;
}

/** The first address after the network address, as Harvester takes it; a block of one address has none. */
function defaultGateway(subnet: Subnet): IpAddress | undefined {
  const { first, last } = subnetBounds(subnet);
  return first === last ? undefined : { family: subnet.family, value: first + 1n };
}

/** Harvester writes optional fields as empty strings. */
function given(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}

function quote(text: string | undefined): string {
  return JSON.stringify(text);
}
