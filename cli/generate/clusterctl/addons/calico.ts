import { stringify } from "yaml";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";

/**
 * Settings for the chart by which RKE2 installs Calico: its control plane runs on nodes that are not initialised yet. Else nothing would run
 * that the network needs, before the node has its provider ID, and the other way round.
 */
export function calicoSettings(): Manifest[] {
  const controlPlaneTolerations = [
    { key: "node-role.kubernetes.io/control-plane", operator: "Exists", effect: "NoSchedule" },
    { key: "node-role.kubernetes.io/etcd", operator: "Exists", effect: "NoExecute" },
    { key: "node.cloudprovider.kubernetes.io/uninitialized", operator: "Exists", effect: "NoSchedule" },
  ];
  return [
    {
      apiVersion: "helm.cattle.io/v1",
      kind: "HelmChartConfig",
      metadata: { name: "rke2-calico", namespace: "kube-system" },
      spec: { valuesContent: stringify({ installation: { controlPlaneTolerations } }) },
    },
  ];
}
