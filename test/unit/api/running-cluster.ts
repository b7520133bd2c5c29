/** The objects of one small cluster as the Go provider leaves them: the shapes of a takeover, with made-up identities. */

const group = "infrastructure.cluster.x-k8s.io";

function meta(name: string, uid: string, more: Record<string, unknown> = {}) {
  return {
    name,
    namespace: "prod",
    uid,
    resourceVersion: "41",
    generation: 2,
    creationTimestamp: "2026-03-01T08:00:00Z",
    labels: { "cluster.x-k8s.io/cluster-name": "shop" },
    ...more,
  };
}

function condition(type: string, status = "True", reason = type, message = "") {
  return { type, status, reason, message, lastTransitionTime: "2026-03-01T08:01:00Z", observedGeneration: 2 };
}

function owned(kind: string, name: string, uid: string) {
  const apiVersion = "cluster.x-k8s.io/v1beta2";
  return { ownerReferences: [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }] };
}

const spec = {
  cpu: 2,
  memory: "4Gi",
  sshUser: "root",
  sshKeyPair: "default/ops",
  networks: ["default/vlan7"],
  volumes: [{ bootOrder: 1, imageName: "default/leap", volumeSize: "40Gi", volumeType: "image" }],
};

export const cluster = {
  apiVersion: "cluster.x-k8s.io/v1beta2",
  kind: "Cluster",
  metadata: meta("shop", "c-uid", { finalizers: ["cluster.cluster.x-k8s.io"] }),
  spec: {
    controlPlaneEndpoint: { host: "10.1.2.3", port: 6443 },
    infrastructureRef: { apiGroup: group, kind: "HarvesterCluster", name: "shop" },
    clusterNetwork: { pods: { cidrBlocks: ["10.42.0.0/16"] } },
  },
  status: { initialization: { infrastructureProvisioned: true }, phase: "Provisioned" },
};

export const machine = {
  apiVersion: "cluster.x-k8s.io/v1beta2",
  kind: "Machine",
  metadata: meta("shop-cp-a1b2c", "m-uid", { finalizers: ["machine.cluster.x-k8s.io"] }),
  spec: {
    bootstrap: {
      configRef: { apiGroup: "bootstrap.cluster.x-k8s.io", kind: "RKE2Config", name: "shop-cp-a1b2c" },
      dataSecretName: "shop-cp-a1b2c",
    },
    clusterName: "shop",
    infrastructureRef: { apiGroup: group, kind: "HarvesterMachine", name: "shop-cp-a1b2c" },
    providerID: "harvester://vm-uid",
    version: "v1.35.4",
  },
  status: {
    addresses: [{ address: "10.7.0.10", type: "ExternalIP" }],
    initialization: { bootstrapDataSecretCreated: true, infrastructureProvisioned: true },
    nodeRef: { name: "shop-cp-a1b2c" },
    phase: "Running",
  },
};

export const harvesterCluster = {
  apiVersion: `${group}/v1beta1`,
  kind: "HarvesterCluster",
  metadata: meta("shop", "hc-uid", {
    finalizers: ["harvester.infrastructure.cluster.x-k8s.io/finalizer"],
    ...owned("Cluster", "shop", "c-uid"),
  }),
  spec: {
    controlPlaneEndpoint: { host: "10.1.2.3", port: 6443 },
    identitySecret: { name: "identity", namespace: "prod" },
    loadBalancerConfig: { description: "API of shop", ipamType: "dhcp" },
    server: "https://10.1.0.1:6443",
    targetNamespace: "prod",
    updateCloudProviderConfig: {
      cloudConfigCredentialsSecretKey: "cloud-config",
      cloudConfigCredentialsSecretName: "cloud-config",
      manifestsConfigMapKey: "cloud-provider.yaml",
      manifestsConfigMapName: "addon",
      manifestsConfigMapNamespace: "prod",
    },
    vmNetworkConfig: {
      dnsServers: ["10.7.0.2"],
      gateway: "10.7.0.1",
      ipPoolRef: "shop-vms",
      subnetMask: "255.255.0.0",
    },
  },
  status: {
    conditions: [
      condition(
        "InfrastructureReady",
        "True",
        "InfrastructureReady",
        "All infrastructure components are ready",
      ),
      condition("CloudProviderConfigReady", "True", "CloudProviderConfigGeneratedSuccessfully"),
      condition("FleetIntegrationReady", "True", "FleetIntegrationNotApplicable"),
      condition("HarvesterConnectionReady"),
      condition("InitMachineCreated"),
      condition("LoadBalancerReady"),
      condition("TargetNamespaceReady"),
      condition("VMIPPoolReady"),
      condition("Paused", "False", "NotPaused"),
    ],
    failureDomains: ["host-0", "host-1"].map((name) => ({
      attributes: { topologyKey: "kubernetes.io/hostname" },
      controlPlane: true,
      name,
    })),
    initialization: { provisioned: true },
    ready: true,
  },
};

export const harvesterMachine = {
  apiVersion: `${group}/v1beta1`,
  kind: "HarvesterMachine",
  metadata: meta("shop-cp-a1b2c", "hm-uid", {
    annotations: { "cluster.x-k8s.io/cloned-from-name": "shop-cp" },
    labels: { "cluster.x-k8s.io/cluster-name": "shop", "cluster.x-k8s.io/control-plane": "" },
    finalizers: ["harvestermachine.infrastructure.cluster.x-k8s.io/finalizer"],
    ...owned("Machine", "shop-cp-a1b2c", "m-uid"),
  }),
  spec: { ...spec, providerID: "harvester://vm-uid" },
  status: {
    addresses: [{ address: "10.7.0.10", type: "ExternalIP" }],
    allocatedIPAddress: "10.7.0.10",
    allocatedPoolRef: "shop-vms",
    conditions: [
      condition("InfrastructureReady"),
      condition("MachineCreated"),
      condition("VMIPAllocated"),
      condition("VMProvisioningReady"),
      condition("Paused", "False", "NotPaused"),
    ],
    initialization: { provisioned: true },
    ready: true,
  },
};

/** One that waits at an exhausted pool: no providerID, and absent flags rather than false ones. */
export const waitingMachine = {
  ...harvesterMachine,
  metadata: meta("shop-md-0-x-d4e5f", "hm2-uid", owned("Machine", "shop-md-0-x-d4e5f", "m2-uid")),
  spec,
  status: {
    conditions: [
      condition("InfrastructureReady"),
      condition("VMIPAllocated", "False", "VMIPAllocationFailed"),
    ],
  },
};

export const machineTemplate = {
  apiVersion: `${group}/v1beta1`,
  kind: "HarvesterMachineTemplate",
  metadata: meta("shop-cp", "hmt-uid"),
  spec: { template: { spec } },
};

export const clusterTemplate = {
  apiVersion: `${group}/v1beta1`,
  kind: "HarvesterClusterTemplate",
  metadata: meta("shop-class", "hct-uid"),
  spec: {
    template: {
      metadata: { labels: { "example.com/tier": "edge" } },
      // A ClusterClass patches these.
      spec: {
        identitySecret: { name: "", namespace: "" },
        loadBalancerConfig: { ipamType: "dhcp" },
        targetNamespace: "",
      },
    },
  },
};
