import { servedClaimFinalizer } from "#api/names.ts";
import { claimStop, isForUs, type ClaimView } from "#functions/harvester/claim-scope.ts";

/** Finalizers of Kubernetes itself that wait for what a claim owns, and so for us. */
const ofGarbageCollection: readonly string[] = ["foregroundDeletion", "orphan"];

/**
 * Whether what the claim holds is to be given back: it is being deleted, we hold it, and nobody else does. Another finalizer says that the address may
 * still be in use, as by a VM that is not gone.
 */
export function needsRelease(view: ClaimView): boolean {
  const { meta, metadata, spec } = view.object;
  return (
    meta.deletionTimestamp !== undefined &&
    isForUs(spec) &&
    metadata.finalizers.includes(servedClaimFinalizer) &&
    metadata.finalizers.every(
      (name) => name === servedClaimFinalizer || ofGarbageCollection.includes(name),
    ) &&
    claimStop(view) === undefined
  );
}
