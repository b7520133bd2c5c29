/** Secret of `kube-system` in the workload cluster that holds the kubeconfig of Harvester, under the key of the same name. */
export const CLOUD_CONFIG_SECRET = "cloud-config";

/** For pods that have to run on control plane machines too. RKE2 taints those that take no other work. */
export const onControlPlane = [
  { key: "node-role.kubernetes.io/control-plane", operator: "Exists", effect: "NoSchedule" },
  { key: "node-role.kubernetes.io/etcd", operator: "Exists", effect: "NoExecute" },
] as const;
