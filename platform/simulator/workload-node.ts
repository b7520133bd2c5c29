import type { NewObject } from "#platform/kube/resource.ts";
import type { Guest } from "#platform/simulator/guest-listeners.ts";
import { readyCondition } from "#platform/simulator/base-objects.ts";

/** The taint a kubelet started with an external cloud provider registers with (Kubernetes, "Cloud Controller Manager"). */
export const UNINITIALIZED_TAINT = "node.cloudprovider.kubernetes.io/uninitialized";

/** How the kubelets of a workload cluster register their Nodes. */
export interface NodeBehaviour {
  /** Whether the taint for an external cloud provider is there; true when absent. */
  readonly uninitializedTaint?: boolean | undefined;
  /** Name of the Node; the guest's hostname when absent, which need not be so: distributions may use the FQDN. */
  readonly nameOf?: ((guest: Guest) => string) | undefined;
  /** The provider ID a kubelet brings itself; none when absent. */
  readonly providerIdOf?: ((guest: Guest) => string | undefined) | undefined;
  /** Whether the Node comes before the guest agent has reported addresses; false when absent. */
  readonly early?: boolean | undefined;
  readonly kubeletVersion?: string | undefined;
  /** Milliseconds between the kubelet's reports; it reports once when absent. */
  readonly heartbeatMs?: number | undefined;
}

/** The Node a guest's kubelet registers. */
export function newNode(guest: Guest, behaviour: NodeBehaviour): NewObject {
  const providerID = behaviour.providerIdOf?.(guest);
  const taints =
    behaviour.uninitializedTaint === false
      ? []
      : [{ key: UNINITIALIZED_TAINT, value: "true", effect: "NoSchedule" }];
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: nodeNameOf(guest, behaviour),
      labels: {
        "kubernetes.io/hostname": guest.hostname,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
      },
    },
    spec: { taints, ...(providerID === undefined ? {} : { providerID }) },
  };
}

/** Merge patch of the status a kubelet posts. */
export function nodeStatus(
  guest: Guest,
  behaviour: NodeBehaviour,
  ready: boolean | "unknown",
  time: string,
): Record<string, unknown> {
  return {
    status: {
      addresses: [
        ...guest.addresses.map((address) => ({ type: "InternalIP", address })),
        { type: "Hostname", address: guest.hostname },
      ],
      conditions: [readyCondition(ready, time)],
      nodeInfo: {
        // Every start of a guest is a start of its kernel.
        bootID: guest.instanceUid,
        kubeletVersion: behaviour.kubeletVersion ?? "v1.33.4",
        operatingSystem: "linux",
        architecture: "amd64",
      },
    },
  };
}

export function nodeNameOf(guest: Guest, behaviour: NodeBehaviour): string {
  return behaviour.nameOf?.(guest) ?? guest.hostname;
}
