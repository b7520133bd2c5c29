import { CLOUD_CONFIG } from "#cli/generate/clusterctl/addons/cloud-config.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";
import { variable } from "#cli/generate/clusterctl/variables.ts";

const NAME = "harvester-cloud-controller-manager";
const app = {
  "app.kubernetes.io/name": "harvester-cloud-provider",
  "app.kubernetes.io/component": "cloud-provider",
};

/** What the cloud provider does in the cluster it runs in. */
const rules = [
  {
    apiGroups: [""],
    resources: ["services", "nodes", "events"],
    verbs: ["get", "list", "watch", "create", "update", "patch"],
  },
  { apiGroups: [""], resources: ["services/status", "nodes/status"], verbs: ["update", "patch"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
];

/** The label is there, whatever its value: RKE2 and kubeadm do not write the same. */
const onControlPlane = {
  nodeSelectorTerms: [
    { matchExpressions: [{ key: "node-role.kubernetes.io/control-plane", operator: "Exists" }] },
  ],
};

/** What differs between clusters. */
export interface CloudProviderChoice {
  /** With registry and tag. */
  readonly image: string;
  /** Name of the Cluster: so load balancers that its Services get on Harvester are told from those of others. */
  readonly cluster: string;
}

const asVariables: CloudProviderChoice = {
  image: `rancher/harvester-cloud-provider:${variable("HARVESTER_CLOUD_PROVIDER_VERSION", "v0.2.5")}`,
  cluster: variable("CLUSTER_NAME"),
};

/** Harvester's cloud provider: Nodes and Services become known to Harvester. Who announces the addresses of Services inside the guests (kube-vip) is not brought. Runs on the network of control plane nodes that nothing else has initialised yet. */
export function cloudProvider({ image, cluster }: CloudProviderChoice = asVariables): Manifest[] {
  const pod = {
    hostNetwork: true,
    dnsPolicy: "ClusterFirstWithHostNet",
    serviceAccountName: NAME,
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: onControlPlane } },
    tolerations: [
      { key: "node-role.kubernetes.io/control-plane", operator: "Exists" },
      { key: "node-role.kubernetes.io/etcd", operator: "Exists" },
      { key: "node.cloudprovider.kubernetes.io/uninitialized", operator: "Exists", effect: "NoSchedule" },
      { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoSchedule" },
    ],
    containers: [
      {
        name: "harvester-cloud-provider",
        image,
        command: ["harvester-cloud-provider"],
        args: [`--cloud-config=/etc/kubernetes/${CLOUD_CONFIG.key}`, `--cluster-name=${cluster}`],
        volumeMounts: [{ name: "cloud-config", mountPath: "/etc/kubernetes", readOnly: true }],
      },
    ],
    volumes: [{ name: "cloud-config", secret: { secretName: CLOUD_CONFIG.secret } }],
  };
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: NAME };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: NAME, namespace: "kube-system" } },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: NAME }, rules },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: NAME },
      roleRef,
      subjects: [{ kind: "ServiceAccount", name: NAME, namespace: "kube-system" }],
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "harvester-cloud-provider", namespace: "kube-system", labels: app },
      spec: {
        replicas: 1,
        selector: { matchLabels: app },
        template: { metadata: { labels: app }, spec: pod },
      },
    },
  ];
}
