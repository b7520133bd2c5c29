import { stringify } from "yaml";
import type { CniChoice } from "#cli/cluster-yaml/options.ts";
import type { NewObject } from "#platform/kube/resource.ts";

/**
 * Values for the chart by which RKE2 installs the CNI, or undefined when there is nothing to say: RKE2 reads them from a HelmChartConfig of
 * the chart's name (RKE2 documentation, "Helm integration").
 */
export function cniConfig(cni: CniChoice, podCidr: string): NewObject | undefined {
  switch (cni.name) {
    case "calico":
      return chartConfig("rke2-calico", calicoValues(cni, podCidr));
    case "canal":
      return chartConfig("rke2-canal", { calico: { vethuMTU: cni.mtu } });
    case "cilium":
      return chartConfig("rke2-cilium", { MTU: cni.mtu });
    case "none":
      return undefined;
  }
}

function chartConfig(name: string, values: Record<string, unknown>): NewObject {
  return {
    apiVersion: "helm.cattle.io/v1",
    kind: "HelmChartConfig",
    metadata: { name, namespace: "kube-system" },
    spec: { valuesContent: stringify(values, { lineWidth: 0 }) },
  };
}

/** Values of the Tigera operator's Installation. Typha must run before the cloud provider has initialised a Node: it needs the network. */
function calicoValues(cni: CniChoice, cidr: string): Record<string, unknown> {
  return {
    installation: {
      calicoNetwork: {
        bgp: cni.bgp,
        mtu: cni.mtu,
        ipPools: [{ cidr, encapsulation: cni.encapsulation }],
      },
      controlPlaneTolerations: [
        { key: "node-role.kubernetes.io/control-plane", operator: "Exists", effect: "NoSchedule" },
        { key: "node-role.kubernetes.io/etcd", operator: "Exists", effect: "NoExecute" },
        {
          key: "node.cloudprovider.kubernetes.io/uninitialized",
          operator: "Equal",
          value: "true",
          effect: "NoSchedule",
        },
      ],
    },
  };
}
