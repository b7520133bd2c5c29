import { conditionIsTrue, type Instance, type VirtualMachine } from "#platform/simulator/guest-objects.ts";
import { wantsToRun } from "#platform/simulator/instance-lifecycle.ts";

/** The part of a VirtualMachine's status that says how its instance is. */
export interface PrintedStatus {
  readonly printableStatus: string;
  readonly created: boolean;
  readonly ready: boolean;
}

/** What KubeVirt prints about a VirtualMachine: the first that applies of its states. */
export function printedStatus(
  vm: VirtualMachine,
  instance: Instance | undefined,
  disksReady: boolean,
): PrintedStatus {
  return {
    printableStatus: printableStatus(vm, instance, disksReady),
    created: instance !== undefined,
    ready: instance !== undefined && conditionIsTrue(instance.status.conditions, "Ready"),
  };
}

/**
 * Whether the status is to be written. A VirtualMachine that is about to get its instance is not written to: the next write, a
 * moment later, says more. Without `everyPhase` the first one written is that it runs.
 */
export function statusIsStale(vm: VirtualMachine, printed: PrintedStatus, everyPhase: boolean): boolean {
  const { printableStatus, created, ready } = vm.status;
  const begins = printed.printableStatus === "Starting" && printableStatus === undefined;
  if (begins && (!printed.created || !everyPhase)) return false;
  return (
    printableStatus !== printed.printableStatus ||
    (created ?? false) !== printed.created ||
    (ready ?? false) !== printed.ready
  );
}

/** The status as a merge patch, with the condition Ready that KubeVirt copies from the instance. */
export function statusPatch(printed: PrintedStatus, time: string): Record<string, unknown> {
  const reason = printed.ready ? undefined : printed.created ? "GuestNotRunning" : "VMINotExists";
  return {
    status: {
      ...printed,
      conditions: [
        {
          type: "Ready",
          status: printed.ready ? "True" : "False",
          lastProbeTime: null,
          lastTransitionTime: time,
          ...(reason === undefined ? {} : { reason }),
        },
      ],
    },
  };
}

function printableStatus(vm: VirtualMachine, instance: Instance | undefined, disksReady: boolean): string {
  if (vm.metadata.deletionTimestamp !== undefined) return "Terminating";
  if (instance?.metadata.deletionTimestamp !== undefined) return "Stopping";
  if (instance?.status.phase === "Running") return "Running";
  if (!disksReady && wantsToRun(vm)) return "ErrorPvcNotFound";
  if (instance !== undefined && hasNoHost(instance)) return "ErrorUnschedulable";
  if (instance !== undefined || wantsToRun(vm)) return "Starting";
  return "Stopped";
}

function hasNoHost(instance: Instance): boolean {
  return instance.status.conditions.some(
    ({ type, status, reason }) => type === "PodScheduled" && status === "False" && reason === "Unschedulable",
  );
}
