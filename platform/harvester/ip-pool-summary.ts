import { freeAddresses } from "#platform/harvester/ip-pool-allocation.ts";
import { readRanges, type RangesRead } from "#platform/harvester/ip-pool-ranges.ts";
import type { IpPoolBody } from "#platform/harvester/ip-pool-body.ts";

/**
 * What follows from one version of a pool, worked out once, when it is first asked for, however many machines ask: a pool of 10,000 addresses
 * has 10,000 machines that look at it. No part of the object: JSON leaves it out.
 */
export class PoolSummary {
  readonly #pool: IpPoolBody;
  #ranges: RangesRead | undefined;
  #addresses: ReadonlyMap<string, readonly string[]> | undefined;
  #free: number | undefined;
  #terms: string | undefined;

  constructor(pool: IpPoolBody) {
    this.#pool = pool;
  }

  get ranges(): RangesRead {
    return (this.#ranges ??= readRanges(this.#pool.spec));
  }

  /** Addresses that can be taken at least; 0 only when there is none, and when the ranges cannot be read. */
  get free(): number {
    const { ranges } = this;
    return (this.#free ??= "pool" in ranges ? freeAddresses(this.#pool.status, ranges.pool) : 0);
  }

  /** All that decides who may have an address, and where: it stays the same while addresses are taken and given back. */
  get terms(): string {
    return (this.#terms ??= JSON.stringify(this.#pool.spec));
  }

  /** Addresses held under this id. */
  addressesOf(holder: string): readonly string[] {
    this.#addresses ??= addressesByHolder(this.#pool.status);
    return this.#addresses.get(holder) ?? [];
  }

  toJSON(): undefined {
    return undefined;
  }
}

function addressesByHolder({ allocated }: IpPoolBody["status"]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [address, holder] of Object.entries(allocated)) {
    const known = found.get(holder);
    if (known === undefined) found.set(holder, [address]);
    else known.push(address);
  }
  return found;
}
