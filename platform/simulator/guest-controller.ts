import { isKubeError } from "#platform/kube/errors.ts";
import { noteAddresses, releaseAddresses } from "#platform/simulator/guest-addresses.ts";
import { type GuestBehaviour, isOneOf } from "#platform/simulator/guest-behaviour.ts";
import type { Guest, GuestListeners } from "#platform/simulator/guest-listeners.ts";
import type { Instance, VirtualMachine } from "#platform/simulator/guest-objects.ts";
import { interfacesOfSilentAgent } from "#platform/simulator/guest-report.ts";
import { disksExist, performStep } from "#platform/simulator/guest-steps.ts";
import { patchInstance, patchVmStatus } from "#platform/simulator/guest-writes.ts";
import { type GuestStep, nextStep } from "#platform/simulator/instance-lifecycle.ts";
import { running } from "#platform/simulator/instance-object.ts";
import { startKeyedWorker } from "#platform/simulator/keyed-worker.ts";
import { keyOf } from "#platform/simulator/object-store.ts";
import { type GuestMemory, remember } from "#platform/simulator/sightings.ts";
import { type SimulatedWorld, timeOf } from "#platform/simulator/simulated-world.ts";
import { printedStatus, statusIsStale } from "#platform/simulator/virtual-machine-status.ts";

/** Plays Harvester's and KubeVirt's controllers of VirtualMachines, and the guests. */
export interface GuestController {
  /** Silences the guest agent of a running guest for this long, Infinity for good. Its addresses vanish from the instance. */
  silenceAgent(key: string, forMs: number): Promise<void>;
  stop(): Promise<void>;
}

const CONCURRENCY = 24;

export function startGuestController(
  world: SimulatedWorld,
  behaviour: GuestBehaviour,
  listeners: GuestListeners,
): GuestController {
  const everyPhase = behaviour.everyPhase ?? true;
  const memories = new Map<string, GuestMemory>();
  /** By uid of the instance. */
  const silentUntil = new Map<string, number>();
  const blinked = new Set<string>();
  /** Names that wait for an image or a host. */
  const blocked = new Set<string>();
  /** Instances that were told to stop and whose watch has not said so yet. */
  const told = new Set<string>();

  const look = (key: string, vm?: VirtualMachine, instance?: Instance): GuestMemory | undefined => {
    const name = vm?.metadata.name ?? instance?.metadata.name ?? "";
    const never = isOneOf(behaviour.silentAgents, { seed: world.seed, name, what: "silent" });
    const memory = remember(
      memories.get(key),
      { vm, instance },
      {
        silentUntil: never ? Infinity : silentUntil.get(instance?.metadata.uid ?? ""),
        hasCniInterfaces: (behaviour.cniInterfaces?.length ?? 0) > 0,
        times: world.timesOf(name),
      },
      world.clock.monotonic(),
    );
    if (memory === undefined) memories.delete(key);
    else memories.set(key, memory);
    return memory;
  };

  const run = async (key: string): Promise<number | undefined> => {
    blocked.delete(key);
    while (!world.signal.aborted) {
      const vm = world.vms.get(key);
      const instance = world.instances.get(key);
      const seen = look(key, vm, instance);
      if (seen === undefined) return undefined;
      const step = nextStep({
        vm,
        instance,
        disksReady: vm === undefined || disksExist(world, vm),
        everyPhase,
        seen,
        nowMs: world.clock.monotonic(),
        times: world.timesOf((vm ?? instance)?.metadata.name ?? ""),
      });
      if (mayPrint(step) && (await print(key)) && world.vms.get(key) !== vm) continue;
      if (step.do === "nothing") return undefined;
      if (step.do === "wait") return step.forMs;
      if (step.do === "delete-instance" && told.has(step.instance.metadata.uid)) return undefined;
      const result = await performStep(world, behaviour, key, step);
      if (step.do === "delete-instance") told.add(step.instance.metadata.uid);
      if (step.do === "report-addresses") await blink(key, step.instance);
      if (result === "blocked") {
        blocked.add(key);
        await print(key);
      }
      if (result !== "look again") return undefined;
    }
    return undefined;
  };

  /** Whether there was something new to write. */
  const print = async (key: string): Promise<boolean> => {
    const vm = world.vms.get(key);
    if (vm === undefined) return false;
    const printed = printedStatus(vm, world.instances.get(key), disksExist(world, vm));
    if (!statusIsStale(vm, printed, everyPhase)) return false;
    await patchVmStatus(world, vm, printed);
    return true;
  };

  const blink = async (key: string, instance: Instance): Promise<void> => {
    silentUntil.delete(instance.metadata.uid);
    const { name, uid } = instance.metadata;
    const share = behaviour.blinkingAgents;
    if (share === undefined || blinked.has(uid) || !isOneOf(share, { seed: world.seed, name, what: "blink" }))
      return;
    blinked.add(uid);
    await silenceAgent(key, share.forMs);
  };

  const silenceAgent = async (key: string, forMs: number): Promise<void> => {
    const instance = world.instances.get(key);
    if (instance?.status.phase !== "Running") {
      throw new Error(
        `guest ${key} does not run, so its agent cannot fall silent; wait until it has phase Running`,
      );
    }
    silentUntil.set(instance.metadata.uid, world.clock.monotonic() + forMs);
    const status = running(false, interfacesOfSilentAgent(instance), timeOf(world.clock));
    await patchInstance(world, instance, status);
    worker.request(key);
  };

  const worker = startKeyedWorker({
    clock: world.clock,
    concurrency: CONCURRENCY,
    onError: (key, error) => {
      // The object moved or went meanwhile; the watch brings what is new.
      if (!isKubeError(error, "conflict", "notFound")) world.onError(`guest ${key}`, error);
    },
    run,
  });

  const take = (key: string, instance: Instance | undefined): void => {
    if (instance !== undefined) noteAddresses(world, key, instance);
    listeners.tell(key, instance === undefined ? undefined : guestOf(world, instance));
    worker.request(key);
  };
  const unblock = (): void => {
    for (const key of blocked) worker.request(key);
  };

  world.vms.onChange((key, now) => {
    if (now === undefined) releaseAddresses(world, key);
    worker.request(key);
  });
  world.instances.onChange((key, now, before) => {
    if (before !== undefined && before.metadata.uid !== now?.metadata.uid) {
      silentUntil.delete(before.metadata.uid);
      blinked.delete(before.metadata.uid);
      told.delete(before.metadata.uid);
    }
    take(key, now);
  });
  world.images.onChange(unblock);
  world.hosts.onChange(unblock);
  for (const { metadata } of world.vms.values()) worker.request(keyOf(metadata));
  for (const instance of world.instances.values()) take(keyOf(instance.metadata), instance);
  return { silenceAgent, stop: () => worker.stop() };
}

/** Not of what goes in the same moment, and not before it is known whether the disks can be made. */
function mayPrint(step: GuestStep): boolean {
  return step.do !== "release-vm" && step.do !== "add-finalizers" && step.do !== "create-disks";
}

function guestOf(world: SimulatedWorld, { metadata, spec, status }: Instance): Guest | undefined {
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === "VirtualMachine");
  if (status.phase !== "Running" || owner === undefined) return undefined;
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    vmUid: owner.uid,
    instanceUid: metadata.uid,
    hostname: spec.hostname ?? metadata.name,
    labels: metadata.labels ?? {},
    addresses: status.interfaces.flatMap(({ name, ipAddress }) =>
      name === undefined || ipAddress === undefined || ipAddress.startsWith("fe80:") ? [] : [ipAddress],
    ),
    nodeAfterMs: world.timesOf(metadata.name).nodeAfterMs,
  };
}
