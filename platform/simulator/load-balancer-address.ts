import type { Pool } from "#platform/simulator/pool-status.ts";
import { firstFree, parseIpv4, resolveRange } from "#platform/simulator/ipv4-range.ts";

/** A JSON merge patch that gives one address of a pool to a holder, or undefined when none is free. */
export interface PoolGrant {
  readonly address: string;
  readonly patch: Record<string, unknown>;
}

/** The address this holder has or gets. Only addresses are counted, `available` is derived from them. */
export function grantAddress(pool: Pool, holder: string): PoolGrant | undefined {
  const allocated = pool.status?.allocated ?? {};
  const held = Object.entries(allocated).find(([, id]) => id === holder)?.[0];
  if (held !== undefined) return { address: held, patch: {} };
  const ranges = pool.spec.ranges.map(resolveRange);
  const address = firstFree(ranges, new Set(Object.keys(allocated)));
  if (address === undefined) return undefined;
  const total = pool.status?.total ?? 0;
  return {
    address,
    patch: {
      metadata: { resourceVersion: pool.metadata.resourceVersion },
      status: {
        allocated: { [address]: holder },
        allocatedHistory: { [address]: null },
        lastAllocated: address,
        available: Math.max(0, total - Object.keys(allocated).length - 1),
        total,
      },
    },
  };
}

/** A JSON merge patch that takes the holder's addresses back, or undefined when it has none. */
export function returnAddress(pool: Pool, holder: string): Record<string, unknown> | undefined {
  const allocated = Object.entries(pool.status?.allocated ?? {});
  const held = allocated.filter(([, id]) => id === holder).map(([address]) => address);
  if (held.length === 0) return undefined;
  const total = pool.status?.total ?? 0;
  return {
    metadata: { resourceVersion: pool.metadata.resourceVersion },
    status: {
      allocated: Object.fromEntries(held.map((address) => [address, null])),
      allocatedHistory: Object.fromEntries(held.map((address) => [address, holder])),
      available: Math.max(0, total - allocated.length + held.length),
    },
  };
}

/** The address a Service asks for; `0.0.0.0` stands for "by DHCP" (kube-vip). */
export function requestedAddress(loadBalancerIp: string | undefined): string | undefined {
  if (loadBalancerIp === undefined || loadBalancerIp === "0.0.0.0") return undefined;
  return parseIpv4(loadBalancerIp) === undefined ? undefined : loadBalancerIp;
}
