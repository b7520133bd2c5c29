import { holderId } from "#functions/harvester/machine-scope.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Claim, Grant } from "#platform/harvester/ip-pool-allocation.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** An entry of `status.allocated` of a pool. */
export interface PoolEntry extends Grant {
  readonly pool: string;
}

/**
 * What the machine holds in these pools, and may give back. An entry under the Go provider's id `<namespace>/<name>`, which a machine of another management
 * cluster may carry too, is the machine's only when its status names the very address and, if any, the pool.
 */
export function ownEntries(
  own: Seen<HarvesterMachineBody>,
  pools: readonly Seen<IpPool>[],
): readonly PoolEntry[] {
  const { allocatedIPAddress, allocatedPoolRef = "" } = own.status;
  const legacy = legacyHolderId(own);
  const current = holderId(own);
  return pools.flatMap(({ meta, status }) =>
    Object.entries(status.allocated)
      .filter(
        ([address, id]) =>
          id === current ||
          (id === legacy &&
            address === allocatedIPAddress &&
            (allocatedPoolRef === "" || allocatedPoolRef === meta.name)),
      )
      .map(([address, id]) => ({ pool: meta.name, address, id })),
  );
}

/** The machine's claim to one address; one it had before, also under the Go provider's id, is preferred. */
export function claimOf(own: Seen<HarvesterMachineBody>): Claim {
  const id = holderId(own);
  return { id, heldAs: [id], formerlyAs: [id, legacyHolderId(own)] };
}

function legacyHolderId(own: Seen<HarvesterMachineBody>): string {
  return `${own.meta.namespace ?? ""}/${own.meta.name}`;
}

/** Key under which everything that writes a pool takes turns. */
export function poolKey(pool: { readonly connection: string; readonly name: string }): string {
  return `ippool/${pool.connection}/${pool.name}`;
}
