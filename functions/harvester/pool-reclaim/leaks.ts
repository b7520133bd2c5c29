import { ownerUidLabel } from "#api/names.ts";
import { readHolder, type Holder } from "#functions/harvester/pool-entries.ts";
import { identityOf, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { IpPool } from "#platform/harvester/ip-pool.ts";
import type { Seen } from "#platform/kube/view.ts";

/** An entry of a pool whose machine is not there any more. */
export interface Leak {
  readonly address: string;
  readonly id: string;
  readonly holder: Holder;
}

/** Identities are uids, and values of labels on Harvester; what could not be one is not of our making. */
const IDENTITY = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/**
 * Entries of machines of this namespace that do not exist; or no longer, there being another of the name. Everything else is left alone:
 * the Go provider's ids, those of load balancers, of other namespaces, and whatever a person wrote.
 */
export function leaksIn(
  pool: Pick<IpPool, "status">,
  machines: readonly Seen<HarvesterMachineBody>[],
  namespace: string | undefined,
): readonly Leak[] {
  const byName = new Map(machines.map((machine) => [machine.meta.name, machine]));
  return Object.entries(pool.status.allocated).flatMap(([address, id]) => {
    const holder = readHolder(id);
    if (holder === undefined || holder.namespace !== namespace || !IDENTITY.test(holder.identity)) return [];
    return isHeld(holder, byName.get(holder.name)) ? [] : [{ address, id, holder }];
  });
}

/** Whether the machine that has the holder's name is the holder. */
export function isHeld(holder: Holder, machine: Seen<HarvesterMachineBody> | undefined): boolean {
  return (
    machine !== undefined && [identityOf(machine), machine.meta.uid].some((uid) => uid === holder.identity)
  );
}

/** Whether a VM under the machine's name may be the holder's: it carries the holder's identity, or nobody's. */
export function mayBeVmOf(holder: Holder, labels: Readonly<Record<string, string>> | undefined): boolean {
  const owner = labels?.[ownerUidLabel];
  return owner === undefined || owner === holder.identity;
}
