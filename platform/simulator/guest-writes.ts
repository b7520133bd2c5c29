import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import {
  persistentVolumeClaims,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { imageOf, removedClaims, wantedClaims } from "#platform/simulator/disk-claims.ts";
import type { Instance, VirtualMachine } from "#platform/simulator/guest-objects.ts";
import { HARVESTER_FINALIZER, KUBEVIRT_FINALIZER } from "#platform/simulator/instance-lifecycle.ts";
import { INSTANCE_FINALIZER, newInstance } from "#platform/simulator/instance-object.ts";
import { keyOf } from "#platform/simulator/object-store.ts";
import { type SimulatedWorld, timeOf } from "#platform/simulator/simulated-world.ts";
import { type PrintedStatus, statusPatch } from "#platform/simulator/virtual-machine-status.ts";

/** Merges into the status of an instance; its resource has no status subresource. The uid keeps the patch off a namesake. */
export async function patchInstance(
  world: SimulatedWorld,
  { metadata }: Instance,
  status: Record<string, unknown>,
): Promise<void> {
  const patch = { metadata: { uid: metadata.uid }, status };
  world.instances.put(
    await world.client.mergePatch(virtualMachineInstances, metadata, patch, { signal: world.signal }),
  );
}

export async function patchVmStatus(
  world: SimulatedWorld,
  vm: VirtualMachine,
  printed: PrintedStatus,
): Promise<void> {
  const patch = { metadata: { uid: vm.metadata.uid }, ...statusPatch(printed, timeOf(world.clock)) };
  const options = { subresource: "status" as const, signal: world.signal };
  world.vms.put(await world.client.mergePatch(virtualMachines, vm.metadata, patch, options));
}

/** Adds what is missing of Harvester's and KubeVirt's finalizers; those of others stay. */
export async function addFinalizers(world: SimulatedWorld, vm: VirtualMachine): Promise<void> {
  const own = [HARVESTER_FINALIZER, KUBEVIRT_FINALIZER];
  const others = (vm.metadata.finalizers ?? []).filter((finalizer) => !own.includes(finalizer));
  await setVmFinalizers(world, vm, [...own, ...others]);
}

/** Deletes the claims that go with the VirtualMachine, then lets it go. */
export async function releaseVm(world: SimulatedWorld, vm: VirtualMachine): Promise<void> {
  for (const name of removedClaims(vm)) {
    const claim = { namespace: vm.metadata.namespace, name };
    const uid = world.claims.get(keyOf(claim))?.metadata.uid;
    if (uid !== undefined) {
      await world.client.delete(persistentVolumeClaims, claim, { uid, signal: world.signal });
    }
  }
  const own = [HARVESTER_FINALIZER, KUBEVIRT_FINALIZER];
  const others = (vm.metadata.finalizers ?? []).filter((finalizer) => !own.includes(finalizer));
  await setVmFinalizers(world, vm, others);
}

/** Makes the claims that do not exist yet, except those whose image does not exist: Harvester waits for that. */
export async function createDisks(world: SimulatedWorld, vm: VirtualMachine): Promise<void> {
  for (const claim of wantedClaims(vm)) {
    const image = imageOf(claim);
    if (image !== undefined && world.images.get(image) === undefined) continue;
    if (world.claims.get(keyOf(claim.metadata)) !== undefined) continue;
    const made = await created(world.client.create(persistentVolumeClaims, claim, { signal: world.signal }));
    if (made !== undefined) world.claims.put(made);
  }
}

export async function createInstance(world: SimulatedWorld, vm: VirtualMachine): Promise<void> {
  const object = newInstance(vm, timeOf(world.clock));
  const made = await created(world.client.create(virtualMachineInstances, object, { signal: world.signal }));
  if (made !== undefined) world.instances.put(made);
}

export async function deleteInstance(world: SimulatedWorld, { metadata }: Instance): Promise<void> {
  await world.client.delete(virtualMachineInstances, metadata, { uid: metadata.uid, signal: world.signal });
}

/** The guest has ended: takes KubeVirt's finalizer off the instance. */
export async function endInstance(world: SimulatedWorld, { metadata }: Instance): Promise<void> {
  const finalizers = (metadata.finalizers ?? []).filter((finalizer) => finalizer !== INSTANCE_FINALIZER);
  const patch = { metadata: { uid: metadata.uid, finalizers }, status: { phase: "Succeeded" } };
  await world.client.mergePatch(virtualMachineInstances, metadata, patch, { signal: world.signal });
}

async function setVmFinalizers(
  world: SimulatedWorld,
  { metadata }: VirtualMachine,
  finalizers: readonly string[],
): Promise<void> {
  // A list is replaced as a whole, so it must be the one that was read.
  const patch = { metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, finalizers } };
  world.vms.put(await world.client.mergePatch(virtualMachines, metadata, patch, { signal: world.signal }));
}

async function created(request: Promise<KubeObject>): Promise<KubeObject | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isKubeError(error, "alreadyExists")) return undefined;
    throw error;
  }
}
