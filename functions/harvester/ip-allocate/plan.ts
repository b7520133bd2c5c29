import { usableRanges } from "#functions/harvester/pool-candidates.ts";
import { openPool, type Claim, type OpenPool } from "#platform/harvester/ip-pool-allocation.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** A machine that waits for an address. */
export interface Waiter {
  readonly uid: string;
  readonly claim: Claim;
  /** Names of the pools it may take an address from, in the order they are tried. */
  readonly candidates: readonly string[];
  readonly networks: readonly string[];
}

/** An address one of the pools has for a machine. */
export interface Assignment {
  readonly waiter: Waiter;
  readonly pool: string;
  readonly address: string;
  /** It stood in the pool already: an earlier attempt wrote it and did not live to tell. */
  readonly found: boolean;
}

/** Who gets what from the versions of the pools that were looked at. */
export interface Plan {
  readonly assignments: readonly Assignment[];
  readonly unserved: readonly Waiter[];
  /** By pool: the `status` part of the merge patch that makes its assignments true. */
  readonly patches: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

/**
 * Assigns addresses first come first served, each machine from the first of its pools that has one. Whoever stands in any of its pools
 * already is not given another address.
 */
export function planAssignments(waiters: readonly Waiter[], pools: ReadonlyMap<string, Seen<IpPool>>): Plan {
  const opened = new Map<string, OpenPool>();
  const open = (pool: Seen<IpPool>, networks: readonly string[]): OpenPool | undefined => {
    const ranges = usableRanges(pool, networks);
    if (ranges === undefined) return undefined;
    const known = opened.get(pool.meta.name) ?? openPool(pool.status, ranges);
    opened.set(pool.meta.name, known);
    return known;
  };
  const assignments: Assignment[] = [];
  const unserved: Waiter[] = [];
  for (const waiter of waiters) {
    const usable = waiter.candidates.flatMap((name) => {
      const seen = pools.get(name);
      const pool = seen === undefined ? undefined : open(seen, waiter.networks);
      return seen === undefined || pool === undefined
        ? []
        : [{ name, pool, isFull: seen.summary.free === 0 }];
    });
    const assignment = find(waiter, usable) ?? take(waiter, usable);
    if (assignment === undefined) unserved.push(waiter);
    else assignments.push(assignment);
  }
  const patches = new Map<string, Readonly<Record<string, unknown>>>();
  for (const [name, pool] of opened) {
    const patch = pool.patch();
    if (patch !== undefined) patches.set(name, patch);
  }
  return { assignments, unserved, patches };
}

type Usable = readonly { readonly name: string; readonly pool: OpenPool; readonly isFull: boolean }[];

function find(waiter: Waiter, usable: Usable): Assignment | undefined {
  for (const { name, pool } of usable) {
    const address = pool.held(waiter.claim);
    if (address !== undefined) return { waiter, pool: name, address, found: true };
  }
  return undefined;
}

function take(waiter: Waiter, usable: Usable): Assignment | undefined {
  for (const { name, pool, isFull } of usable) {
    const address = isFull ? undefined : pool.take(waiter.claim);
    if (address !== undefined) return { waiter, pool: name, address, found: false };
  }
  return undefined;
}
