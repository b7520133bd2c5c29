import { guestAddresses } from "#platform/simulator/guest-addresses.ts";
import type { GuestBehaviour } from "#platform/simulator/guest-behaviour.ts";
import type { Instance, VirtualMachine } from "#platform/simulator/guest-objects.ts";
import {
  cniInterfaces,
  interfacesWithAgent,
  interfacesWithoutAgent,
} from "#platform/simulator/guest-report.ts";
import {
  addFinalizers,
  createDisks,
  createInstance,
  deleteInstance,
  endInstance,
  patchInstance,
  releaseVm,
} from "#platform/simulator/guest-writes.ts";
import { wantedClaims } from "#platform/simulator/disk-claims.ts";
import type { GuestStep } from "#platform/simulator/instance-lifecycle.ts";
import { running, starting, unschedulable } from "#platform/simulator/instance-object.ts";
import { keyOf } from "#platform/simulator/object-store.ts";
import { chooseHost } from "#platform/simulator/placement.ts";
import { type SimulatedWorld, timeOf } from "#platform/simulator/simulated-world.ts";
import type { BootPhase } from "#platform/simulator/times.ts";

/** What a step led to: look again at once, wait for a change that a watch will tell of, or for a disk image or a host. */
export type StepResult = "look again" | "wait for change" | "blocked";

/** Does one step for one VirtualMachine. */
export async function performStep(
  world: SimulatedWorld,
  behaviour: GuestBehaviour,
  key: string,
  step: Exclude<GuestStep, { do: "wait" | "nothing" }>,
): Promise<StepResult> {
  const time = timeOf(world.clock);
  switch (step.do) {
    case "add-finalizers":
      await addFinalizers(world, step.vm);
      return "look again";
    case "create-disks":
      await createDisks(world, step.vm);
      return disksExist(world, step.vm) ? "look again" : "blocked";
    case "create-instance":
      await createInstance(world, step.vm);
      return world.instances.get(key) === undefined ? "wait for change" : "look again";
    case "release-vm":
      await releaseVm(world, step.vm);
      return "wait for change";
    case "enter-phase":
      return enterPhase(world, key, step.instance, step.phase);
    case "report-addresses": {
      const addresses = await guestAddresses(world, key, step.instance);
      const interfaces = interfacesWithAgent(step.instance.status.interfaces, addresses);
      await patchInstance(world, step.instance, running(true, interfaces, time));
      return "look again";
    }
    case "report-cni-interfaces": {
      const extra = cniInterfaces(behaviour.cniInterfaces ?? [], seedOf(world, key));
      await patchInstance(world, step.instance, {
        interfaces: [...step.instance.status.interfaces, ...extra],
      });
      return "look again";
    }
    case "delete-instance":
      await deleteInstance(world, step.instance);
      return "wait for change";
    case "end-instance":
      await endInstance(world, step.instance);
      return "wait for change";
  }
}

/** Whether every claim the VirtualMachine asks for exists. */
export function disksExist(world: SimulatedWorld, vm: VirtualMachine): boolean {
  return wantedClaims(vm).every(({ metadata }) => world.claims.get(keyOf(metadata)) !== undefined);
}

async function enterPhase(
  world: SimulatedWorld,
  key: string,
  instance: Instance,
  phase: BootPhase,
): Promise<StepResult> {
  const seed = seedOf(world, key);
  const time = timeOf(world.clock);
  const host = instance.status.nodeName ?? chooseHost(instance.spec, [...world.hosts.values()], seed);
  if (host === undefined) {
    const told = instance.status.conditions.some(({ reason }) => reason === "Unschedulable");
    if (!told) await patchInstance(world, instance, unschedulable(time));
    return "blocked";
  }
  if (phase === "Running") {
    const status = running(false, interfacesWithoutAgent(instance.spec, seed), time);
    await patchInstance(world, instance, { ...status, nodeName: host });
  } else {
    await patchInstance(world, instance, starting(phase, host, time));
  }
  return "look again";
}

function seedOf(world: SimulatedWorld, key: string): string {
  return `${world.seed}/${key}`;
}
