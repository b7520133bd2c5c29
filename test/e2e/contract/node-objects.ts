import type { NewObject } from "#platform/kube/resource.ts";
import type { Guest } from "#platform/simulator/guest-listeners.ts";
import { UNINITIALIZED_TAINT } from "#platform/simulator/workload-node.ts";
import type { KubeadmOrder } from "#test/e2e/contract/bootstrap-data.ts";

const CONTROL_PLANE = "node-role.kubernetes.io/control-plane";

/** The Node that a kubelet of kubeadm registers, waiting for a cloud provider. */
export function nodeOf(guest: Guest, { controlPlane }: KubeadmOrder): NewObject {
  const taints = [
    { key: UNINITIALIZED_TAINT, value: "true", effect: "NoSchedule" },
    ...(controlPlane ? [{ key: CONTROL_PLANE, effect: "NoSchedule" }] : []),
  ];
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: guest.hostname,
      labels: {
        "kubernetes.io/hostname": guest.hostname,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        ...(controlPlane && { [CONTROL_PLANE]: "" }),
      },
    },
    spec: { taints },
  };
}

/** Merge patch of what a kubelet that is well posts about its Node. */
export function statusOf(guest: Guest, kubeletVersion: string, time: string): Record<string, unknown> {
  const addresses = [
    ...guest.addresses.map((address) => ({ type: "InternalIP", address })),
    { type: "Hostname", address: guest.hostname },
  ];
  const conditions = [
    condition("Ready", "True", time),
    ...["MemoryPressure", "DiskPressure", "PIDPressure"].map((type) => condition(type, "False", time)),
  ];
  const nodeInfo = {
    bootID: guest.instanceUid,
    kubeletVersion,
    operatingSystem: "linux",
    architecture: "amd64",
  };
  return { status: { addresses, conditions, nodeInfo } };
}

/** The Pods by which a kubelet shows the static Pods of a control plane with external etcd. */
export function mirrorPods(guest: Guest): NewObject[] {
  return ["kube-apiserver", "kube-controller-manager", "kube-scheduler"].map((component) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${component}-${guest.hostname}`,
      namespace: "kube-system",
      labels: { component, tier: "control-plane" },
      annotations: { "kubernetes.io/config.mirror": guest.instanceUid },
    },
    spec: {
      nodeName: guest.hostname,
      hostNetwork: true,
      tolerations: [{ operator: "Exists" }],
      // Nothing waits for it to end.
      terminationGracePeriodSeconds: 0,
      containers: [{ name: component, image: `registry.example/${component}` }],
    },
  }));
}

/** Merge patch of a Pod's status that runs and is ready. */
export function runningPod(time: string): Record<string, unknown> {
  const types = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];
  return { status: { phase: "Running", conditions: types.map((type) => condition(type, "True", time)) } };
}

/** What kubeadm leaves in the cluster that it initialises. */
export function kubeadmConfig(version: string): NewObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "kubeadm-config", namespace: "kube-system" },
    data: {
      ClusterConfiguration: `apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: ${version}\n`,
    },
  };
}

function condition(type: string, status: string, time: string) {
  return { type, status, reason: "AsPlayed", message: "", lastHeartbeatTime: time, lastTransitionTime: time };
}
