import { machineConditions, machineReasons } from "#api/condition-names.ts";
import type { Finding, StatusFields } from "#functions/harvester/machine-observe/finding.ts";
import { isKnown, type ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { claimedAddresses } from "#functions/harvester/machine-claims.ts";
import { effectiveNetwork, type EffectiveNetwork } from "#functions/harvester/network-config.ts";
import { heldAddress, holderIds } from "#functions/harvester/pool-entries.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";

/** What the pools, or the spec, say of the machine's static address. */
export interface Allocation {
  /** Undefined: there is none yet, or the machine uses DHCP. */
  readonly address: string | undefined;
  readonly findings: readonly Finding[];
  readonly fields: Pick<StatusFields, "allocatedIPAddress" | "allocatedPoolRef">;
}

/**
 * The pools are the truth, status only repeats them. An entry that vanished from its pool while the machine lives is not reported away: the VM
 * uses the address all the same. That the pool gives it to somebody else meanwhile is: then two use it.
 */
export function allocation(view: ObservedMachine): Allocation {
  const { object, related } = view;
  const network = effectiveNetwork(object, related.harvesterCluster);
  if (network.kind === "dhcp") return { address: undefined, findings: [], fields: {} };
  if (network.kind === "fixed") return { address: network.address, findings: [], fields: {} };
  if (network.kind === "ipam") return claimedAllocation(view, network);
  const held = isKnown(view, "heldIn") ? heldAddress(object, related.heldIn, network.pools) : undefined;
  if (held === undefined) {
    const { allocatedIPAddress } = object.status;
    return { address: allocatedIPAddress, findings: heldByAnother(view), fields: {} };
  }
  const message = `${held.address} of IPPool ${held.pool}`;
  const { VMIPAllocated } = machineConditions;
  const current = findCondition(object.status.conditions, VMIPAllocated);
  return {
    address: held.address,
    findings: [
      {
        type: VMIPAllocated,
        statement: { status: "True", reason: machineReasons.VMIPAllocated, message },
        urgent: current?.status !== "True",
      },
    ],
    fields: { allocatedIPAddress: held.address, allocatedPoolRef: held.pool },
  };
}

/** The claims are the truth as long as they can be seen; a machine keeps the addresses it was made with. */
function claimedAllocation(
  view: ObservedMachine,
  network: Extract<EffectiveNetwork, { kind: "ipam" }>,
): Allocation {
  const { object, related } = view;
  const addresses = claimedAddresses(object, network, related)?.map(({ address }) => address);
  const [first] = addresses ?? [];
  if (addresses === undefined || first === undefined)
    return { address: object.status.allocatedIPAddress, findings: [], fields: {} };
  const { VMIPAllocated } = machineConditions;
  const current = findCondition(object.status.conditions, VMIPAllocated);
  const message = `${addresses.join(", ")} by IPAddressClaim`;
  return {
    address: first,
    findings: [
      {
        type: VMIPAllocated,
        statement: { status: "True", reason: machineReasons.VMIPAllocated, message },
        urgent: current?.status !== "True",
      },
    ],
    fields: { allocatedIPAddress: first },
  };
}

/** A holder id that looks like the Go provider's own for this machine is not somebody else. */
function heldByAnother({ object, related }: ObservedMachine): readonly Finding[] {
  const { losingPool } = related;
  const { allocatedIPAddress, conditions } = object.status;
  if (losingPool === undefined || allocatedIPAddress === undefined) return [];
  const pool = losingPool.meta.name;
  const holder = losingPool.status.allocated[allocatedIPAddress];
  const { VMIPAllocated: type } = machineConditions;
  if (holder !== undefined && !holderIds(object).includes(holder)) {
    const message = `IPPool ${pool} gives ${allocatedIPAddress}, the machine's address, to ${holder}; replace one of the two`;
    const statement = { status: "False", reason: machineReasons.VMIPHeldByAnother, message } as const;
    return [{ type, statement, urgent: true }];
  }
  if (findCondition(conditions, type)?.reason !== machineReasons.VMIPHeldByAnother) return [];
  const message = `${allocatedIPAddress} of IPPool ${pool}`;
  const statement = { status: "True", reason: machineReasons.VMIPAllocated, message } as const;
  return [{ type, statement, urgent: true }];
}
