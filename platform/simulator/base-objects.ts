import type { NewObject } from "#platform/kube/resource.ts";

/** A Node of Harvester itself. */
export interface SimulatedHost {
  readonly name: string;
  /** Published as label `topology.kubernetes.io/zone`. */
  readonly zone?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** Three hosts without zones. */
export const DEFAULT_HOSTS: readonly SimulatedHost[] = ["host-0", "host-1", "host-2"].map((name) => ({
  name,
}));

export function namespaceObject(name: string): NewObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

export function hostObject({ name, zone, labels }: SimulatedHost): NewObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        ...(zone === undefined ? {} : { "topology.kubernetes.io/zone": zone }),
        ...labels,
      },
    },
    spec: {},
  };
}

/** Merge patch of the status of a Node that is well. */
export function readyNodeStatus(
  addresses: readonly { readonly type: string; readonly address: string }[],
  time: string,
): Record<string, unknown> {
  return { status: { addresses, conditions: [readyCondition(true, time)] } };
}

/** The condition by which a kubelet says that it is well; a Node whose kubelet is silent has status Unknown. */
export function readyCondition(ready: boolean | "unknown", time: string): Record<string, string> {
  return {
    type: "Ready",
    status: ready === "unknown" ? "Unknown" : ready ? "True" : "False",
    reason: ready === "unknown" ? "NodeStatusUnknown" : ready ? "KubeletReady" : "KubeletNotReady",
    message: ready === "unknown" ? "Kubelet stopped posting node status." : "",
    lastHeartbeatTime: time,
    lastTransitionTime: time,
  };
}

/** Harvester's own Deployment: that it is available is how others see that Harvester works. */
export function harvesterDeployment(): NewObject {
  const labels = { "app.kubernetes.io/name": "harvester" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "harvester", namespace: "harvester-system" },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "apiserver", image: "simulated/harvester:v1.6.0" }] },
      },
    },
  };
}

/** Merge patch of the status of a Deployment with one replica. */
export function deploymentStatus(available: boolean, time: string): Record<string, unknown> {
  const replicas = available ? 1 : 0;
  return {
    status: {
      observedGeneration: 1,
      replicas: 1,
      updatedReplicas: 1,
      readyReplicas: replicas,
      availableReplicas: replicas,
      conditions: [
        {
          type: "Available",
          status: available ? "True" : "False",
          reason: available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
          lastUpdateTime: time,
          lastTransitionTime: time,
        },
      ],
    },
  };
}

/** Where Harvester publishes its own address. */
export function ingressService(address: string): NewObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "ingress-expose",
      namespace: "kube-system",
      annotations: { "kube-vip.io/loadbalancerIPs": address },
    },
    spec: { ports: [{ name: "https", port: 443, targetPort: 443, protocol: "TCP" }] },
  };
}

/** A network of Harvester: guests that name it are bridged into a VLAN. */
export function vlanNetwork(namespace: string, name: string): NewObject {
  const config = {
    cniVersion: "0.3.1",
    name,
    type: "bridge",
    bridge: "mgmt-br",
    promiscMode: true,
    ipam: {},
  };
  return {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace },
    spec: { config: JSON.stringify(config) },
  };
}
