import { holderIds } from "#functions/harvester/machine-scope.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** An address a pool holds for a machine. */
export interface HeldAddress {
  readonly address: string;
  /** Name of the IPPool. */
  readonly pool: string;
}

/**
 * The address the machine has, as the pools say: entries with one of its holder ids. Should there be several, the one its status names, then
 * the one of the pool tried first, then the first by name; so every function comes to the same answer.
 */
export function heldAddress(
  machine: Seen<HarvesterMachineBody>,
  heldIn: readonly Seen<IpPool>[],
  pools: readonly string[] = [],
): HeldAddress | undefined {
  const known = machine.status.allocatedIPAddress;
  return heldAddresses(machine, heldIn)
    .map((held) => ({ held, rank: [held.address === known ? 0 : 1, place(pools, held.pool)] }))
    .sort((a, b) => compare(a.rank, b.rank) || key(a.held).localeCompare(key(b.held)))[0]?.held;
}

/** All entries of the pools with one of the machine's holder ids. */
export function heldAddresses(
  machine: Seen<HarvesterMachineBody>,
  heldIn: readonly Seen<IpPool>[],
): readonly HeldAddress[] {
  const ids = new Set(holderIds(machine));
  return heldIn.flatMap((pool) =>
    Object.entries(pool.status.allocated)
      .filter(([, holder]) => ids.has(holder))
      .map(([address]) => ({ address, pool: pool.meta.name })),
  );
}

function place(pools: readonly string[], name: string): number {
  const index = pools.indexOf(name);
  return index < 0 ? pools.length : index;
}

function compare(a: readonly number[], b: readonly number[]): number {
  return a.map((value, index) => value - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
}

function key({ pool, address }: HeldAddress): string {
  return `${pool}/${address}`;
}
