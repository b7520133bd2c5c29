import { conditionIsTrue, type Instance, type VirtualMachine } from "#platform/simulator/guest-objects.ts";
import { type Sightings, wantsToRun } from "#platform/simulator/instance-lifecycle.ts";
import type { SimulatorTimes } from "#platform/simulator/times.ts";

/** What is remembered of one VirtualMachine name: the moments, and whose moments they are. */
export interface GuestMemory extends Sightings {
  readonly vmUid: string | undefined;
  readonly instanceUid: string | undefined;
}

/** How one guest differs from a good one. */
export interface GuestTraits {
  /** The monotonic moment before which the guest agent says nothing, whatever the times say; Infinity when it never will. */
  readonly silentUntil?: number | undefined;
  readonly hasCniInterfaces: boolean;
}

/**
 * The memory after a look at the objects. A moment is kept from the first look at which its condition held; a new uid forgets what
 * was remembered of its namesake. Undefined when neither object exists.
 */
export function remember(
  before: GuestMemory | undefined,
  objects: { readonly vm: VirtualMachine | undefined; readonly instance: Instance | undefined },
  traits: GuestTraits & { readonly times: SimulatorTimes },
  nowMs: number,
): GuestMemory | undefined {
  const { vm, instance } = objects;
  if (vm === undefined && instance === undefined) return undefined;
  const sameVm = before?.vmUid === vm?.metadata.uid;
  const known = before?.instanceUid === instance?.metadata.uid ? before : undefined;
  const moment = (holds: boolean, already: number | undefined, afterMs = 0): number =>
    holds ? (already !== undefined && already !== Infinity ? already : nowMs + afterMs) : Infinity;

  const wanted = vm !== undefined && instance === undefined && wantsToRun(vm);
  const running = instance?.status.phase === "Running";
  const connected = instance !== undefined && conditionIsTrue(instance.status.conditions, "AgentConnected");
  const { times } = traits;
  return {
    vmUid: vm?.metadata.uid,
    instanceUid: instance?.metadata.uid,
    wantedAt: moment(wanted, sameVm ? before?.wantedAt : undefined),
    instanceAt: moment(instance !== undefined, known?.instanceAt),
    reportDueAt:
      traits.silentUntil ?? moment(running && !connected, known?.reportDueAt, times.addressAfterMs),
    cniDueAt: moment(connected && traits.hasCniInterfaces, known?.cniDueAt, times.cniAfterMs),
    stoppingAt: moment(instance?.metadata.deletionTimestamp !== undefined, known?.stoppingAt),
  };
}
