import { conditionIsTrue, type Instance, type VirtualMachine } from "#platform/simulator/guest-objects.ts";
import { type BootPhase, phaseAfterMs, type SimulatorTimes } from "#platform/simulator/times.ts";

/** Harvester's finalizer: volumes named in an annotation and snapshots go before the VirtualMachine does. */
export const HARVESTER_FINALIZER = "wrangler.cattle.io/VMController.CleanupPVCsAndSnapshots";
/** KubeVirt's finalizer: the instance goes before the VirtualMachine does. */
export const KUBEVIRT_FINALIZER = "kubevirt.io/virtualMachineControllerFinalize";

/** When things were first seen by the simulator, in monotonic milliseconds. Objects carry whole seconds only. */
export interface Sightings {
  /** The VirtualMachine wants to run and has no instance. */
  readonly wantedAt: number;
  readonly instanceAt: number;
  /** When the guest agent speaks; Infinity for an agent that never does. */
  readonly reportDueAt: number;
  /** When the interfaces of the CNI plugin show; Infinity when there are none. */
  readonly cniDueAt: number;
  /** The instance was told to stop. */
  readonly stoppingAt: number;
}

/** All that the next step for one VirtualMachine depends on. */
export interface GuestSituation {
  readonly vm: VirtualMachine | undefined;
  readonly instance: Instance | undefined;
  /** Whether every claim of the VirtualMachine exists. */
  readonly disksReady: boolean;
  /** Whether phases Scheduling and Scheduled are written. */
  readonly everyPhase: boolean;
  readonly seen: Sightings;
  readonly nowMs: number;
  readonly times: SimulatorTimes;
}

/** The one thing to do next for a VirtualMachine, or how long there is nothing to do. */
export type GuestStep =
  | {
      readonly do: "add-finalizers" | "create-disks" | "create-instance" | "release-vm";
      readonly vm: VirtualMachine;
    }
  | { readonly do: "enter-phase"; readonly phase: BootPhase; readonly instance: Instance }
  | {
      readonly do: "report-addresses" | "report-cni-interfaces" | "delete-instance" | "end-instance";
      readonly instance: Instance;
    }
  | { readonly do: "wait"; readonly forMs: number }
  | { readonly do: "nothing" };

/** Whether KubeVirt keeps an instance for this VirtualMachine (KubeVirt, "Run Strategies"). */
export function wantsToRun(vm: VirtualMachine): boolean {
  if (vm.metadata.deletionTimestamp !== undefined) return false;
  if (vm.spec.running !== undefined) return vm.spec.running;
  return vm.spec.runStrategy !== "Halted" && vm.spec.runStrategy !== "Manual";
}

/** What Harvester and KubeVirt do next for a VirtualMachine and its instance. */
export function nextStep(situation: GuestSituation): GuestStep {
  const { vm, instance } = situation;
  if (instance?.metadata.deletionTimestamp !== undefined) return stop(situation, instance);
  // The owner is gone, or is a namesake: what the garbage collector of Kubernetes does.
  if (instance !== undefined && (vm === undefined || !isOwnedBy(instance, vm) || !wantsToRun(vm))) {
    return { do: "delete-instance", instance };
  }
  if (vm === undefined) return { do: "nothing" };
  if (vm.metadata.deletionTimestamp !== undefined) {
    return hasFinalizer(vm, HARVESTER_FINALIZER) || hasFinalizer(vm, KUBEVIRT_FINALIZER)
      ? { do: "release-vm", vm }
      : { do: "nothing" };
  }
  if (!hasFinalizer(vm, HARVESTER_FINALIZER) || !hasFinalizer(vm, KUBEVIRT_FINALIZER)) {
    return { do: "add-finalizers", vm };
  }
  if (!situation.disksReady) return { do: "create-disks", vm };
  if (!wantsToRun(vm)) return { do: "nothing" };
  return instance === undefined
    ? at(situation, situation.seen.wantedAt + situation.times.vmiAfterMs, { do: "create-instance", vm })
    : boot(situation, instance);
}

function boot(situation: GuestSituation, instance: Instance): GuestStep {
  const { seen, times } = situation;
  const phases = situation.everyPhase
    ? (["Scheduling", "Scheduled", "Running"] as const)
    : (["Running"] as const);
  const due = (phase: (typeof phases)[number]): GuestStep =>
    at(situation, seen.instanceAt + phaseAfterMs(times, phase), { do: "enter-phase", phase, instance });
  switch (instance.status.phase) {
    case "Running":
      break;
    case "Scheduled":
      return due("Running");
    case "Scheduling":
      return due(situation.everyPhase ? "Scheduled" : "Running");
    case undefined:
    default:
      return due(phases[0]);
  }
  if (!conditionIsTrue(instance.status.conditions, "AgentConnected")) {
    return at(situation, seen.reportDueAt, { do: "report-addresses", instance });
  }
  if (instance.status.interfaces.some(({ name }) => name === undefined)) return { do: "nothing" };
  return at(situation, seen.cniDueAt, { do: "report-cni-interfaces", instance });
}

function stop(situation: GuestSituation, instance: Instance): GuestStep {
  const graceMs = instance.status.phase === "Running" ? situation.times.stopAfterMs : 0;
  return at(situation, situation.seen.stoppingAt + graceMs, { do: "end-instance", instance });
}

function at({ nowMs }: GuestSituation, dueMs: number, step: GuestStep): GuestStep {
  if (dueMs === Infinity) return { do: "nothing" };
  return dueMs <= nowMs ? step : { do: "wait", forMs: Math.ceil(dueMs - nowMs) };
}

function hasFinalizer(vm: VirtualMachine, finalizer: string): boolean {
  return vm.metadata.finalizers?.includes(finalizer) === true;
}

function isOwnedBy(instance: Instance, vm: VirtualMachine): boolean {
  return instance.metadata.ownerReferences?.some(({ uid }) => uid === vm.metadata.uid) === true;
}
