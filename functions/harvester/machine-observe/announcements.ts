import type { Condition } from "#api/condition.ts";
import { machineConditions, machineReasons } from "#api/condition-names.ts";
import type { HarvesterMachineStatus } from "#api/harvester-machine.ts";
import type { Announcement } from "#functions/contract/deps.ts";
import type { StatusChange } from "#functions/harvester/machine-observe/desired-status.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";

/**
 * The Kubernetes Events a written status is worth: transitions only, so none is told twice, and none that the step which caused them has
 * told itself.
 */
export function announcements(before: HarvesterMachineStatus, change: StatusChange): readonly Announcement[] {
  const after = change.conditions ?? before.conditions;
  const provisioned =
    change.initialization?.provisioned === true
      ? [normal("MachineProvisioned", `provisioned with ${addressesOf(change, before)}`)]
      : [];
  return [
    ...transitions.flatMap(({ type, tell }) => {
      const now = findCondition(after, type);
      const was = findCondition(before.conditions, type);
      const changed = now !== undefined && (now.status !== was?.status || now.reason !== was.reason);
      const announcement = changed ? tell(now, was, before) : undefined;
      return announcement === undefined ? [] : [announcement];
    }),
    ...provisioned,
  ];
}

interface Transition {
  readonly type: string;
  readonly tell: (
    now: Condition,
    was: Condition | undefined,
    before: HarvesterMachineStatus,
  ) => Announcement | undefined;
}

const { MachineCreated, VMRunning, Deleting } = machineConditions;

const transitions: readonly Transition[] = [
  {
    type: MachineCreated,
    tell: ({ status, message }, was) => {
      if (status === "False") return warning("VMLost", message);
      return was?.reason === machineReasons.MachineNotFound
        ? normal("VMFound", "the VM is there again")
        : undefined;
    },
  },
  {
    type: VMRunning,
    tell: ({ status, message }, was, { initialization }) => {
      // The first start is told as the machine's being provisioned.
      if (status === "True")
        return initialization?.provisioned === true ? normal("VMStarted", "the VM runs") : undefined;
      return was?.status === "True" ? warning("VMStopped", message) : undefined;
    },
  },
  {
    type: Deleting,
    tell: ({ reason, message }) =>
      reason === machineReasons.WaitingForVMDeletion ? undefined : warning(reason, message),
  },
];

function addressesOf(change: StatusChange, before: HarvesterMachineStatus): string {
  const ips = (change.addresses ?? before.addresses ?? []).filter(
    ({ type }) => type === "InternalIP" || type === "ExternalIP",
  );
  return [...new Set(ips.map(({ address }) => address))].join(", ");
}

function normal(reason: string, message: string): Announcement {
  return { type: "Normal", reason, message };
}

function warning(reason: string, message: string): Announcement {
  return { type: "Warning", reason, message };
}
