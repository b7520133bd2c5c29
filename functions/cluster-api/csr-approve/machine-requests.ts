import type { View } from "#functions/contract/function.ts";
import { managedByGate, pausedGate } from "#functions/harvester/gates.ts";
import { machineScope, type MachineScope } from "#functions/harvester/machine-scope.ts";
import { APPROVE_ANNOTATION, machineView, type Machine } from "#platform/cluster-api/cluster.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { signingRequestView, type SigningRequest } from "#platform/cluster-api/signing-request.ts";
import { MANAGEMENT, workloadConnection, type Seen } from "#platform/kube/view.ts";

/** A machine, and what its kubelet asks to be signed. */
export interface MachineWithRequests extends MachineScope {
  /** Requests of the kubelet of the machine's Node that nobody has decided on. */
  readonly requests: readonly Seen<SigningRequest>[];
  /** Machines that have one of its addresses, among them its own. */
  readonly claimants: readonly Seen<Machine>[];
}

export type RequestView = View<HarvesterMachineBody, MachineWithRequests>;

/** Requests are looked at only in clusters whose owner asked for it: approving one is to vouch for it. */
export const machineWithRequests = machineScope
  .matching("requests", signingRequestView, (own, { machine, cluster }) => {
    const node = machine?.status.nodeRef?.name;
    if (node === undefined || cluster === undefined || own.meta.deletionTimestamp !== undefined) return [];
    if (cluster.metadata.annotations[APPROVE_ANNOTATION] !== "true") return [];
    const connection = workloadConnection({
      namespace: cluster.meta.namespace ?? "",
      name: cluster.meta.name,
    });
    return [{ connection, index: "requestor", value: userOf(node) }];
  })
  .matching(
    "claimants",
    machineView,
    (own, { requests }) =>
      requests.length === 0
        ? []
        : (own.status.addresses ?? []).map(({ address }) => ({
            connection: MANAGEMENT,
            namespace: own.meta.namespace,
            index: "address",
            value: address,
          })),
    { wake: "membership" },
  );

/**
 * The addresses that vouch for the machine: those no other machine has. What a guest reports of itself may be made up, and must not get it a
 * certificate for another's address.
 */
export function ownAddresses(
  { status }: Seen<HarvesterMachineBody>,
  { machine, claimants }: MachineWithRequests,
): readonly { readonly type: string; readonly address: string }[] {
  const others = claimants.filter(({ meta }) => meta.uid !== machine?.meta.uid);
  const claimed = new Set(others.flatMap((other) => other.status.addresses.map(({ address }) => address)));
  return (status.addresses ?? []).filter(({ address }) => !claimed.has(address));
}

/** Name of the user a kubelet is (Kubernetes, "Using Node Authorization"). */
export function userOf(node: string): string {
  return `system:node:${node}`;
}

/** Whether there is a request to decide on. */
export function hasRequests(view: RequestView): boolean {
  return (
    view.related.requests.length > 0 && pausedGate(view) === undefined && managedByGate(view) === undefined
  );
}
