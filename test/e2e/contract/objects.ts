import { kubeObjectManifests } from "#cli/lab/manifests.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { NAMESPACE, VERSION, workersOf, type ClusterPlan } from "#test/e2e/contract/names.ts";

/** On Harvester: the pool with the one address of the cluster's load balancer. */
export function endpointPool({ name, endpoint }: ClusterPlan): NewObject[] {
  const network = endpoint.split(".").slice(0, 3).join(".");
  return kubeObjectManifests(`
apiVersion: loadbalancer.harvesterhci.io/v1beta1
kind: IPPool
metadata: { name: ${name}-endpoint }
spec:
  ranges:
    - { subnet: ${network}.0/24, gateway: ${network}.1, rangeStart: ${endpoint}, rangeEnd: ${endpoint} }
  selector: { network: default/vlan1 }
`);
}

/** Cluster and HarvesterCluster. */
export function clusterObjects({ name }: ClusterPlan): NewObject[] {
  return kubeObjectManifests(`
apiVersion: cluster.x-k8s.io/v1beta2
kind: Cluster
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec:
  clusterNetwork: { pods: { cidrBlocks: [10.244.0.0/16] } }
  infrastructureRef: { apiGroup: infrastructure.cluster.x-k8s.io, kind: HarvesterCluster, name: ${name} }
  controlPlaneRef: { apiGroup: controlplane.cluster.x-k8s.io, kind: KubeadmControlPlane, name: ${name} }
---
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: HarvesterCluster
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec: ${JSON.stringify(harvesterClusterSpec(name))}
`);
}

/** What the cluster's infrastructure is asked to be. */
export function harvesterClusterSpec(name: string) {
  return {
    identitySecret: { namespace: NAMESPACE, name: "harvester-identity" },
    targetNamespace: NAMESPACE,
    loadBalancerConfig: { ipamType: "pool", ipPoolRef: `${name}-endpoint` },
    vmNetworkConfig: { ipPoolRef: "demo-vms", gateway: "10.50.0.1", subnetMask: "255.255.255.0" },
  };
}

/** What each machine is asked to be: two disks, in this order. */
export const machineSpec = {
  cpu: 2,
  memory: "4Gi",
  sshUser: "opensuse",
  sshKeyPair: "default/demo",
  networks: ["default/vlan1"],
  volumes: [
    { volumeType: "image", imageName: "default/leap-15", volumeSize: "20Gi", bootOrder: 1 },
    { volumeType: "storageClass", storageClass: "longhorn", volumeSize: "7Gi", bootOrder: 2 },
  ],
};

const registration = {
  nodeRegistration: { kubeletExtraArgs: [{ name: "cloud-provider", value: "external" }] },
};

/** What KubeadmControlPlane is to hand to kubeadm: etcd is elsewhere, for no kubelet runs through which its members could be reached. */
export const kubeadmConfigSpec = {
  format: "cloud-config",
  clusterConfiguration: {
    etcd: {
      external: {
        endpoints: ["https://10.50.0.250:2379"],
        caFile: "/etc/kubernetes/pki/etcd/ca.crt",
        certFile: "/etc/kubernetes/pki/apiserver-etcd-client.crt",
        keyFile: "/etc/kubernetes/pki/apiserver-etcd-client.key",
      },
    },
  },
  initConfiguration: registration,
  joinConfiguration: registration,
};

/** The control plane, and the workers. */
export function machineObjects({ name, controlPlanes, workers }: ClusterPlan): NewObject[] {
  const group = workersOf(name);
  return kubeObjectManifests(`
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: HarvesterMachineTemplate
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec: ${JSON.stringify({ template: { spec: machineSpec } })}
---
apiVersion: controlplane.cluster.x-k8s.io/v1beta2
kind: KubeadmControlPlane
metadata: { name: ${name}, namespace: ${NAMESPACE} }
spec:
  version: ${VERSION}
  replicas: ${controlPlanes}
  machineTemplate:
    spec:
      infrastructureRef: { apiGroup: infrastructure.cluster.x-k8s.io, kind: HarvesterMachineTemplate, name: ${name} }
  kubeadmConfigSpec: ${JSON.stringify(kubeadmConfigSpec)}
---
apiVersion: bootstrap.cluster.x-k8s.io/v1beta2
kind: KubeadmConfigTemplate
metadata: { name: ${group}, namespace: ${NAMESPACE} }
spec:
  template:
    spec: ${JSON.stringify({ joinConfiguration: registration })}
---
apiVersion: cluster.x-k8s.io/v1beta2
kind: MachineDeployment
metadata: { name: ${group}, namespace: ${NAMESPACE} }
spec:
  clusterName: ${name}
  replicas: ${workers}
  selector: { matchLabels: { cluster.x-k8s.io/cluster-name: ${name}, cluster.x-k8s.io/deployment-name: ${group} } }
  template:
    metadata:
      labels: { cluster.x-k8s.io/cluster-name: ${name}, cluster.x-k8s.io/deployment-name: ${group} }
    spec:
      clusterName: ${name}
      version: ${VERSION}
      bootstrap:
        configRef: { apiGroup: bootstrap.cluster.x-k8s.io, kind: KubeadmConfigTemplate, name: ${group} }
      infrastructureRef: { apiGroup: infrastructure.cluster.x-k8s.io, kind: HarvesterMachineTemplate, name: ${name} }
`);
}
