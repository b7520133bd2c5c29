import type { NewObject } from "#platform/kube/resource.ts";
import { CLOUD_CONFIG_SECRET, onControlPlane } from "#cli/cluster-yaml/addons/placement.ts";

const ACCOUNT = "harvester-cloud-controller-manager";
const LABELS = {
  "app.kubernetes.io/component": "cloud-provider",
  "app.kubernetes.io/name": "harvester-cloud-provider",
};

/** What differs between clusters. */
export interface CloudProviderChoice {
  /** Name of the Cluster: load balancers that Services get on Harvester begin with it. */
  readonly cluster: string;
  /** Image of the program, with registry and tag. */
  readonly image: string;
}

/**
 * Harvester's cloud controller manager, as objects of the workload cluster. It reads the kubeconfig of Harvester from the Secret
 * `kube-system/cloud-config`, which is not among these objects. Facts: Harvester documentation, "Harvester Cloud Provider".
 */
export function cloudProviderManifests({ cluster, image }: CloudProviderChoice): NewObject[] {
  const account = { name: ACCOUNT, namespace: "kube-system" };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: ACCOUNT },
      rules: [
        {
          apiGroups: [""],
          resources: ["services", "nodes", "events"],
          verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
        },
        { apiGroups: [""], resources: ["services/status", "nodes/status"], verbs: ["update", "patch"] },
        { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: ACCOUNT },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: ACCOUNT },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "harvester-cloud-provider", namespace: "kube-system", labels: LABELS },
      spec: {
        replicas: 1,
        selector: { matchLabels: LABELS },
        template: { metadata: { labels: LABELS }, spec: pod(cluster, image) },
      },
    },
  ];
}

/** On the host's network, because it has to run before there is a CNI and while Nodes still carry the taint that it takes off. */
function pod(cluster: string, image: string): Record<string, unknown> {
  return {
    serviceAccountName: ACCOUNT,
    hostNetwork: true,
    dnsPolicy: "ClusterFirstWithHostNet",
    containers: [
      {
        name: "harvester-cloud-provider",
        image,
        command: ["harvester-cloud-provider"],
        args: ["--cloud-config=/etc/kubernetes/cloud-config", `--cluster-name=${cluster}`],
        volumeMounts: [{ name: "cloud-config", mountPath: "/etc/kubernetes", readOnly: true }],
      },
    ],
    tolerations: [
      ...onControlPlane,
      {
        key: "node.cloudprovider.kubernetes.io/uninitialized",
        operator: "Equal",
        value: "true",
        effect: "NoSchedule",
      },
      { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoSchedule" },
    ],
    volumes: [{ name: "cloud-config", secret: { secretName: CLOUD_CONFIG_SECRET } }],
  };
}
