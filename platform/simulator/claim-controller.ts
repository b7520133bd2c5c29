import { persistentVolumeClaims } from "#platform/kube/resources.ts";
import { attachedClaims, CLAIM_PROTECTION } from "#platform/simulator/disk-claims.ts";
import { type KeyedWorker, startKeyedWorker } from "#platform/simulator/keyed-worker.ts";
import { keyOf, nameOf } from "#platform/simulator/object-store.ts";
import type { SimulatedWorld } from "#platform/simulator/simulated-world.ts";

/**
 * Plays the storage: every claim is bound at once, and a deleted claim stays until no guest has it attached (Kubernetes, "Storage
 * Object in Use Protection", whose admission plugin puts the finalizer there).
 */
export function startClaimController(world: SimulatedWorld): Pick<KeyedWorker, "stop"> {
  const run = async (key: string): Promise<undefined> => {
    const claim = world.claims.get(key);
    if (claim === undefined) return;
    const { metadata } = claim;
    const options = { signal: world.signal };
    if (metadata.deletionTimestamp === undefined) {
      if (claim.status.phase === "Bound") return;
      const patch = { metadata: { uid: metadata.uid }, status: { phase: "Bound" } };
      const bound = { ...options, subresource: "status" as const };
      world.claims.put(await world.client.mergePatch(persistentVolumeClaims, metadata, patch, bound));
      return;
    }
    if (metadata.finalizers?.includes(CLAIM_PROTECTION) !== true || isAttached(world, key)) return;
    const finalizers = metadata.finalizers.filter((finalizer) => finalizer !== CLAIM_PROTECTION);
    const patch = {
      metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, finalizers },
    };
    await world.client.mergePatch(persistentVolumeClaims, metadata, patch, options);
  };
  const worker = startKeyedWorker({
    clock: world.clock,
    concurrency: 8,
    run,
    onError: (key, error) => world.onError(`claim ${key}`, error),
  });
  world.claims.onChange((key) => worker.request(key));
  world.instances.onChange((_, now, before) => {
    if (now !== undefined || before === undefined) return;
    const { namespace } = before.metadata;
    for (const name of attachedClaims(before.spec)) worker.request(keyOf({ namespace, name }));
  });
  for (const { metadata } of world.claims.values()) worker.request(keyOf(metadata));
  return worker;
}

function isAttached(world: SimulatedWorld, key: string): boolean {
  const { namespace, name } = nameOf(key);
  for (const instance of world.instances.values()) {
    if (instance.metadata.namespace === namespace && attachedClaims(instance.spec).includes(name))
      return true;
  }
  return false;
}
