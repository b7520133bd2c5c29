import { machineConditions, machineReasons } from "#api/condition-names.ts";
import type { Finding, Statement } from "#functions/harvester/machine-observe/finding.ts";
import type { ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import type { VirtualMachine } from "#platform/harvester/virtual-machine.ts";
import type { Seen } from "#platform/kube/view.ts";

/** A VM that could not be started for this long is reported; scheduling errors before are mostly disks still being made. */
const STUCK_AFTER_MS = 60_000;
/** An instance without an address for this long is reported; a first boot that installs packages takes up to three minutes. */
const SILENT_AFTER_MS = 180_000;

const { MachineCreated, VMProvisioningReady, VMRunning } = machineConditions;

/** The machine's VM exists. */
export const created: Finding = {
  type: MachineCreated,
  statement: { status: "True", reason: machineReasons.MachineCreated, message: "" },
  urgent: true,
};

/** The machine's VM existed and is gone; it is never made again in silence. */
export const lost: readonly Finding[] = [
  {
    type: MachineCreated,
    statement: {
      status: "False",
      reason: machineReasons.MachineNotFound,
      message: "the VM does not exist any more and is not created again; delete the Machine to replace it",
    },
    urgent: true,
  },
  notRunning("the VM does not exist any more", true),
];

/** A machine whose VM has never run with an address. What it passes through while it boots is worth no write of its own. */
export function bootConditions(
  { object, related }: ObservedMachine,
  { vm, running }: { readonly vm: Seen<VirtualMachine>; readonly running: boolean },
): readonly Finding[] {
  const now = findCondition(object.status.conditions, VMProvisioningReady);
  const begun = now?.status === "False" && now.reason === machineReasons.VMProvisioningInProgress;
  const provisioning = (message: string): Statement => ({
    status: "False",
    reason: machineReasons.VMProvisioningInProgress,
    message,
  });
  const starting = {
    type: VMProvisioningReady,
    statement: provisioning("the VM is starting"),
    urgent: !begun,
  };
  const run: Finding = running
    ? { type: VMRunning, statement: runs, urgent: false }
    : notRunning("the VM is starting", false);
  if (running) {
    const message =
      "the VM runs but reports no address; its image needs the QEMU guest agent, or the machine a static address";
    const from = after(related.vmi?.meta.creationTimestamp, SILENT_AFTER_MS);
    return [{ ...starting, later: { statement: provisioning(message), from } }, run];
  }
  if (isHalted(vm)) {
    return [
      { type: VMProvisioningReady, statement: provisioning("the VM is halted"), urgent: true },
      notRunning("the VM is halted", false),
    ];
  }
  const { printableStatus = "" } = vm.status;
  if (!startErrors.has(printableStatus)) return [starting, run];
  const statement = provisioning(`the VM cannot be started: ${printableStatus}`);
  return [{ ...starting, later: { statement, from: after(vm.meta.creationTimestamp, STUCK_AFTER_MS) } }, run];
}

/** A machine that was provisioned once. Why it does not run is told by intent, so that stopping it is one change. */
export function runConditions({
  vm,
  running,
}: {
  readonly vm: Seen<VirtualMachine>;
  readonly running: boolean;
}): readonly Finding[] {
  return [
    {
      type: VMProvisioningReady,
      statement: { status: "True", reason: machineReasons.VMProvisioningReady, message: "" },
      urgent: true,
    },
    running ? { type: VMRunning, statement: runs, urgent: true } : notRunning(whyNotRunning(vm), true),
  ];
}

const runs: Statement = { status: "True", reason: machineReasons.VMRunning, message: "" };

function notRunning(message: string, urgent: boolean): Finding {
  return {
    type: VMRunning,
    statement: { status: "False", reason: machineReasons.VMNotRunning, message },
    urgent,
  };
}

function whyNotRunning(vm: Seen<VirtualMachine>): string {
  if (vm.meta.deletionTimestamp !== undefined) return "the VM is being deleted";
  return isHalted(vm) ? "the VM is halted" : "the VM does not run";
}

function isHalted({ spec }: VirtualMachine): boolean {
  return spec.runStrategy === "Halted" || spec.running === false;
}

/** Values of `status.printableStatus` that tell why a VM does not start (kubevirt.io/v1 VirtualMachinePrintableStatus). */
const startErrors: ReadonlySet<string> = new Set([
  "CrashLoopBackOff",
  "DataVolumeError",
  "ErrImagePull",
  "ErrorDataVolumeNotFound",
  "ErrorPvcNotFound",
  "ErrorUnschedulable",
  "ImagePullBackOff",
]);

function after(time: string | undefined, ms: number): Date {
  return new Date((time === undefined ? 0 : Date.parse(time)) + ms);
}
