import { cluster, place } from "#test/support/cluster-objects.ts";

type Json = Record<string, unknown>;

export const HOOK = "pre-terminate.delete.hook.machine.cluster.x-k8s.io/capfn-etcd";

export interface MachineState {
  readonly hook?: boolean;
  /** RFC 3339. */
  readonly deleted?: string;
  /** Reason of the condition `Deleting`. */
  readonly phase?: string;
  readonly annotations?: Json;
  readonly owner?: Json;
  readonly labels?: Json;
  readonly address?: string;
  readonly infrastructure?: string;
  readonly node?: string;
  readonly conditions?: readonly Json[];
}

export const AT_HOOK = "WaitingForPreTerminateHook";
export const PAST_HOOKS = "WaitingForInfrastructureDeletion";

/** A Machine of the control plane as Cluster API core keeps it. */
export function controlPlaneMachine(name: string, state: MachineState = {}): object {
  const { hook = false, deleted, phase, owner } = state;
  return {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    metadata: {
      name,
      namespace: place.namespace,
      labels: {
        "cluster.x-k8s.io/cluster-name": place.cluster,
        "cluster.x-k8s.io/control-plane": "",
        ...state.labels,
      },
      annotations: { ...(hook && { [HOOK]: "capfn" }), ...state.annotations },
      finalizers: ["machine.cluster.x-k8s.io"],
      ...(deleted !== undefined && { deletionTimestamp: deleted }),
      ...(owner !== undefined && { ownerReferences: [{ name: "owner", uid: "owner", ...owner }] }),
    },
    spec: {
      clusterName: place.cluster,
      bootstrap: { dataSecretName: `${name}-bootstrap` },
      infrastructureRef: {
        apiGroup: "infrastructure.cluster.x-k8s.io",
        kind: state.infrastructure ?? "HarvesterMachine",
        name,
      },
    },
    status: {
      nodeRef: { name: state.node ?? name },
      addresses: [{ type: "InternalIP", address: state.address ?? "127.9.9.9" }],
      conditions: [
        ...(phase === undefined ? [] : [condition("Deleting", "True", phase)]),
        ...(state.conditions ?? []),
      ],
    },
  };
}

export function condition(
  type: string,
  status: string,
  reason: string,
  since = "2026-01-01T00:00:00Z",
): Json {
  return { type, status, reason, message: "", lastTransitionTime: since };
}

export function etcdSecret(
  pair: { certPem: string; keyPem: string } = { certPem: "x", keyPem: "x" },
): object {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `${place.cluster}-etcd`, namespace: place.namespace },
    data: { "tls.crt": base64(pair.certPem), "tls.key": base64(pair.keyPem) },
  };
}

/** Cluster, authority of its etcd, and Machines. */
export function controlPlane(
  machines: readonly object[],
  over: Parameters<typeof cluster>[0] = {},
): object[] {
  return [cluster(over), etcdSecret(), ...machines];
}
