/** Addresses `first` to `last`, both included, as 32-bit numbers. */
export interface Ipv4Range {
  readonly first: number;
  readonly last: number;
  /** Never handed out. */
  readonly gateway?: number | undefined;
}

/** A range as an IPPool describes it. */
export interface PoolRange {
  readonly subnet: string;
  readonly gateway?: string | undefined;
  readonly rangeStart?: string | undefined;
  readonly rangeEnd?: string | undefined;
}

/** Dotted quad to number; undefined when it is none. */
export function parseIpv4(text: string): number | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  let value = 0;
  for (const part of text.split(".")) {
    if (Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

/** Number to dotted quad. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

/**
 * The range an entry of an IPPool stands for, with the defaults of the host-local IPAM plugin that Harvester uses: first and last
 * host of the subnet, the first host as gateway.
 *
 * @throws Error naming the field when the entry is no IPv4 range within its subnet.
 */
export function resolveRange(range: PoolRange): Ipv4Range {
  const { network, last: broadcast } = parseSubnet(range.subnet);
  const single = network === broadcast;
  const first = single ? network : network + 1;
  const last = single ? network : Math.max(first, broadcast - 1);
  const start = addressField("rangeStart", range.rangeStart) ?? first;
  const end = addressField("rangeEnd", range.rangeEnd) ?? last;
  const resolved = {
    first: Math.min(start, end),
    last: Math.max(start, end),
    gateway: addressField("gateway", range.gateway) ?? (single ? undefined : first),
  };
  if (resolved.first < first || resolved.last > last) {
    throw new Error(
      `rangeStart ${formatIpv4(start)} and rangeEnd ${formatIpv4(end)} must be host addresses of subnet ${range.subnet}`,
    );
  }
  return resolved;
}

/** How many addresses the range can hand out. */
export function rangeSize({ first, last, gateway }: Ipv4Range): number {
  const gatewayInside = gateway !== undefined && gateway >= first && gateway <= last;
  return last - first + 1 - (gatewayInside ? 1 : 0);
}

export function rangesOverlap(one: Ipv4Range, other: Ipv4Range): boolean {
  return one.first <= other.last && other.first <= one.last;
}

/** The first address of the ranges, in order, that `taken` does not hold; undefined when there is none. */
export function firstFree(
  ranges: readonly Ipv4Range[],
  taken: { has(address: string): boolean },
): string | undefined {
  for (const { first, last, gateway } of ranges) {
    for (let value = first; value <= last; value += 1) {
      const address = formatIpv4(value);
      if (value !== gateway && !taken.has(address)) return address;
    }
  }
  return undefined;
}

function parseSubnet(subnet: string): { network: number; last: number } {
  const [address = "", prefix = ""] = subnet.split("/");
  const value = parseIpv4(address);
  const bits = /^\d{1,2}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (value === undefined || !(bits <= 32)) {
    throw new Error(`subnet ${JSON.stringify(subnet)} is not an IPv4 CIDR; write it as 10.50.0.0/16`);
  }
  const size = 2 ** (32 - bits);
  const network = Math.floor(value / size) * size;
  return { network, last: network + size - 1 };
}

function addressField(field: string, text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const value = parseIpv4(text);
  if (value === undefined) {
    throw new Error(`${field} ${JSON.stringify(text)} is not an IPv4 address; write it as 10.50.0.10`);
  }
  return value;
}
