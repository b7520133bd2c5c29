import { providerIdPrefix } from "#api/names.ts";
import { mendedFinalizers } from "#functions/harvester/finalizer.ts";
import type { Lifecycle } from "#functions/harvester/machine-observe/lifecycle.ts";
import type { ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";

/** What a machine's own object has to carry, beside its status, from the moment its VM is there. */
export interface Marks {
  /** Whole, because a merge patch replaces a list. */
  readonly finalizers?: readonly string[];
  readonly providerID?: string;
}

/**
 * The marks the machine lacks. The finalizer, when the Go provider's is a legacy one or a restore has lost it: without it the VM would outlive
 * the machine. The providerID, once: `harvester://<uid of the VM>`, as the cloud provider of Harvester writes it on the Node, or what the Node
 * of the machine's name carries already. It must be equal to the Node's byte for byte (Cluster API, InfraMachine: provider ID).
 */
export function missingMarks({ object, related }: ObservedMachine, lifecycle: Lifecycle): Marks | undefined {
  if (lifecycle.phase !== "present") return undefined;
  const finalizers = mendedFinalizers(object.metadata.finalizers);
  const hasProviderId = (object.spec.providerID ?? "") !== "";
  if (finalizers === undefined && hasProviderId) return undefined;
  const ofNode = related.nodes.find(({ meta }) => meta.name === object.meta.name)?.spec.providerID ?? "";
  const providerID = ofNode === "" ? `${providerIdPrefix}${lifecycle.vm.meta.uid}` : ofNode;
  return {
    ...(finalizers !== undefined && { finalizers }),
    ...(!hasProviderId && { providerID }),
  };
}
