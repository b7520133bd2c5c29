import { providerIdPrefix } from "#api/names.ts";
import type { Lifecycle } from "#functions/harvester/machine-observe/lifecycle.ts";
import type { ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";

/**
 * The providerID the machine is to get, once: `harvester://<uid of the VM>`, as the cloud provider of Harvester writes it on the Node, or what
 * the Node of the machine's name carries already. It must be equal to the Node's byte for byte (Cluster API, InfraMachine: provider ID).
 */
export function missingProviderId(
  { object, related }: ObservedMachine,
  lifecycle: Lifecycle,
): string | undefined {
  if (lifecycle.phase !== "present" || (object.spec.providerID ?? "") !== "") return undefined;
  const ofNode = related.nodes.find(({ meta }) => meta.name === object.meta.name)?.spec.providerID ?? "";
  return ofNode === "" ? `${providerIdPrefix}${lifecycle.vm.meta.uid}` : ofNode;
}
