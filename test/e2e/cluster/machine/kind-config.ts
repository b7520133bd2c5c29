import { stringify } from "yaml";
import { ETCD_TAG, type NodeImage } from "#test/e2e/cluster/machine/node-image.ts";

/** kind's configuration of a cluster of one node that wakes pods quickly and survives a busy machine. */
export function kindConfig({ own }: Pick<NodeImage, "own">): string {
  const local = {
    // The data of a test may be lost, its time not.
    extraArgs: { "unsafe-no-fsync": "true" },
    ...(own ? { imageTag: ETCD_TAG } : {}),
  };
  // Under load the lease is lost and the process restarts.
  const alone = { extraArgs: { "leader-elect": "false" } };
  const patches = [
    { kind: "ClusterConfiguration", etcd: { local }, controllerManager: alone, scheduler: alone },
    { kind: "KubeletConfiguration", failCgroupV1: false },
    // kind waits a second before it writes rules again, which would be a second of each wake.
    { kind: "KubeProxyConfiguration", iptables: { minSyncPeriod: "50ms" } },
  ];
  return stringify({
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    networking: { ipFamily: "ipv4", disableDefaultCNI: own },
    nodes: [{ role: "control-plane", kubeadmConfigPatches: patches.map((patch) => stringify(patch)) }],
  });
}
