import { isHeldByUs } from "#functions/harvester/finalizer.ts";
import { gate, managedByGate, pausedGate, type ClosedGate } from "#functions/harvester/gates.ts";
import { hadVm } from "#functions/harvester/ownership.ts";
import { isKnown, type ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { isOurs } from "#functions/harvester/ownership.ts";
import type { VirtualMachine } from "#platform/harvester/virtual-machine.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Where a machine is in its life, as the world shows it. */
export type Lifecycle =
  /** Not ours to report on: managed by another system, or deleted and no longer held by us. */
  | { readonly phase: "untouched" }
  | { readonly phase: "paused"; readonly gate: ClosedGate }
  /** A gate before the first write on Harvester is closed. */
  | { readonly phase: "waiting"; readonly gate: ClosedGate }
  /** Gates are open, there is no VM yet. */
  | { readonly phase: "creating" }
  /** The machine's own VM exists. */
  | { readonly phase: "present"; readonly vm: Seen<VirtualMachine>; readonly running: boolean }
  /** It had a VM, and the complete list has none that is its own. */
  | { readonly phase: "lost" }
  /** It had a VM; nothing is known of it now. What was last reported stays. */
  | { readonly phase: "unknown" }
  | { readonly phase: "deleting" };

/** Tells the phase from the world alone; `status` counts only as the memory that there was a VM. */
export function lifecycle(view: ObservedMachine): Lifecycle {
  const { object, related } = view;
  if (managedByGate(view) !== undefined) return { phase: "untouched" };
  if (object.meta.deletionTimestamp !== undefined) {
    return { phase: isHeldByUs(object) ? "deleting" : "untouched" };
  }
  const paused = pausedGate(view);
  if (paused !== undefined) return { phase: "paused", gate: paused };
  const known = isKnown(view, "vm") && isKnown(view, "vmi");
  if (known && related.vm !== undefined && isOurs(related.vm, object)) {
    return { phase: "present", vm: related.vm, running: isRunning(view, related.vm) };
  }
  if (hadVm(object)) return { phase: known ? "lost" : "unknown" };
  const state = gate(view);
  return state.open ? { phase: "creating" } : { phase: "waiting", gate: state };
}

/** By what runs, not by what is wanted: `runStrategy` is an intent. A terminating instance no longer serves. */
function isRunning({ related }: ObservedMachine, vm: Seen<VirtualMachine>): boolean {
  return (
    vm.meta.deletionTimestamp === undefined &&
    related.vmi?.status.phase === "Running" &&
    related.vmi.meta.deletionTimestamp === undefined
  );
}
