import { addons } from "#cli/generate/clusterctl/addons/index.ts";
import { beside, cluster, harvesterCluster, identitySecret } from "#cli/generate/clusterctl/cluster.ts";
import { machineTemplate, machineTemplateRef, workers } from "#cli/generate/clusterctl/machines.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";
import { named, variable } from "#cli/generate/clusterctl/variables.ts";

const podNetwork = variable("POD_CIDR", "192.168.0.0/16");
const calico = `https://raw.githubusercontent.com/projectcalico/calico/${variable("CALICO_VERSION", "v3.31.0")}/manifests`;
const kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf";

/** Nodes register without their provider ID; capfn gives it to them. */
const nodeRegistration = { kubeletExtraArgs: [{ name: "cloud-provider", value: "external" }] };

/** Calico, as its documentation installs it. Every node of the control plane does it; done again it changes nothing. */
const installNetwork = [
  // Since v3.30 the operator's definitions are a file of their own.
  `${kubectl} apply --server-side -f ${calico}/operator-crds.yaml`,
  `${kubectl} apply --server-side -f ${calico}/tigera-operator.yaml`,
  `${kubectl} wait --for=condition=Established --timeout=120s crd/installations.operator.tigera.io`,
  `curl -fsSL ${calico}/custom-resources.yaml | sed 's|192\\.168\\.0\\.0/16|${podNetwork}|g' | ${kubectl} apply --server-side -f -`,
];

/** Every object of a cluster with kubeadm. */
export function kubeadmCluster(): Manifest[] {
  const name = named("control-plane");
  const sshUser = variable("SSH_USER", "ubuntu");
  const version = variable("KUBERNETES_VERSION");
  return [
    cluster(
      { apiGroup: "controlplane.cluster.x-k8s.io", kind: "KubeadmControlPlane", name },
      {
        pods: { cidrBlocks: [podNetwork] },
        services: { cidrBlocks: [variable("SERVICE_CIDR", "10.96.0.0/12")] },
        serviceDomain: "cluster.local",
      },
    ),
    harvesterCluster({ address: "dhcp", rke2: false, credentials: "given" }),
    identitySecret(),
    {
      apiVersion: "controlplane.cluster.x-k8s.io/v1beta2",
      kind: "KubeadmControlPlane",
      metadata: beside(name),
      spec: {
        replicas: variable("CONTROL_PLANE_MACHINE_COUNT"),
        version,
        machineTemplate: { spec: { infrastructureRef: machineTemplateRef("control-plane") } },
        kubeadmConfigSpec: {
          initConfiguration: { nodeRegistration },
          joinConfiguration: { nodeRegistration },
          postKubeadmCommands: installNetwork,
        },
      },
    },
    machineTemplate("control-plane", { sshUser }),
    {
      apiVersion: "bootstrap.cluster.x-k8s.io/v1beta2",
      kind: "KubeadmConfigTemplate",
      metadata: beside(named("worker")),
      spec: { template: { spec: { joinConfiguration: { nodeRegistration } } } },
    },
    machineTemplate("worker", { sshUser }),
    workers("KubeadmConfigTemplate", version),
    ...addons({ credentials: "given", calico: false }),
  ];
}
