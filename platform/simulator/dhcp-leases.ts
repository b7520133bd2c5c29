import { firstFree, formatIpv4, type Ipv4Range, parseIpv4 } from "#platform/simulator/ipv4-range.ts";

/** The addresses a DHCP server has given out: one per holder, each to one holder only. */
export interface DhcpLeases {
  /** The address of this holder, a new one if it has none. Undefined when the range is exhausted. */
  lease(holder: string): string | undefined;
  /** Notes that an address is in use by this holder, e.g. after a restart of the simulator. */
  note(holder: string, address: string): void;
  /** Frees the addresses of every holder whose name begins so. */
  release(holderPrefix: string): void;
}

/** Leases of the addresses `rangeStart` to `rangeEnd`. Throws when they are no IPv4 range. */
export function dhcpLeases(rangeStart: string, rangeEnd: string): DhcpLeases {
  const first = parseIpv4(rangeStart);
  const last = parseIpv4(rangeEnd);
  if (first === undefined || last === undefined || first > last) {
    throw new Error(
      `DHCP range ${rangeStart} to ${rangeEnd} is no IPv4 range; write it as 10.60.0.10 to 10.60.3.254`,
    );
  }
  const range: Ipv4Range = { first, last };
  const addressOf = new Map<string, string>();
  const taken = new Set<string>();
  // Addresses are not reused at once, as with a DHCP server, and finding one does not walk over all that are taken.
  let cursor = first;

  return {
    lease: (holder) => {
      const known = addressOf.get(holder);
      if (known !== undefined) return known;
      const address = firstFree([{ first: cursor, last: range.last }, range], taken);
      if (address === undefined) return undefined;
      const value = parseIpv4(address) ?? first;
      cursor = value >= range.last ? first : value + 1;
      taken.add(address);
      addressOf.set(holder, address);
      return address;
    },
    note: (holder, address) => {
      const value = parseIpv4(address);
      if (value === undefined || value < range.first || value > range.last) return;
      taken.add(formatIpv4(value));
      addressOf.set(holder, address);
    },
    release: (holderPrefix) => {
      for (const [holder, address] of addressOf) {
        if (!holder.startsWith(holderPrefix)) continue;
        addressOf.delete(holder);
        taken.delete(address);
      }
    },
  };
}
