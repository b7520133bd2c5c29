import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  machine,
  place,
} from "#test/support/cluster-objects.ts";

type Json = Record<string, unknown>;

const since = "2025-11-21T10:38:08Z";

function condition(type: string, reason: string, message: string, status = "True"): Json {
  return { type, status, reason, message, observedGeneration: 2, lastTransitionTime: since };
}

export const currentFinalizer = "harvestermachine.infrastructure.cluster.x-k8s.io/finalizer";
export const legacyFinalizer = "harvestermachine.infrastructure.cluster.x-k8s.io";

/** Status of a machine that serves, as the Go provider leaves it: one ExternalIP, its own messages, no summary. */
export const servingStatus: Json = {
  addresses: [{ type: "ExternalIP", address: "10.50.0.11" }],
  allocatedIPAddress: "10.50.0.11",
  allocatedPoolRef: "demo-vms",
  conditions: [
    condition("InfrastructureReady", "InfrastructureReady", "Cluster infrastructure is ready"),
    condition("MachineCreated", "MachineCreated", ""),
    condition("VMIPAllocated", "VMIPAllocated", "Allocated IP 10.50.0.11 from pool"),
    condition("VMProvisioningReady", "VMProvisioningReady", "VM already exists and is provisioned"),
    condition("Paused", "NotPaused", "", "False"),
  ],
  initialization: { provisioned: true },
  ready: true,
};

/** A machine of the Go provider: its finalizer, no identity annotation. */
export function goMachine(over: { metadata?: Json; spec?: Json; status?: Json } = {}): object {
  return harvesterMachine("m-0", {
    metadata: {
      uid: "machine-uid",
      generation: 2,
      creationTimestamp: since,
      finalizers: [currentFinalizer],
      annotations: { "cluster.x-k8s.io/cloned-from-name": "demo-md-0" },
      ...over.metadata,
    },
    spec: { providerID: "harvester://vm-uid", ...over.spec },
    status: over.status ?? servingStatus,
  });
}

/** The Cluster API side of a cluster the Go provider made, its machine apart. */
export function goCluster(): object[] {
  return [
    cluster(),
    machine("m-0"),
    harvesterCluster({
      spec: {
        controlPlaneEndpoint: { host: "10.60.0.2", port: 6443 },
        server: "https://harvester.example.com",
        vmNetworkConfig: { ipPoolRef: "demo-vms", gateway: "10.50.0.1", subnetMask: "255.255.0.0" },
      },
      status: {
        conditions: [
          condition("HarvesterConnectionReady", "HarvesterConnectionReady", "Successfully connected"),
          condition("TargetNamespaceReady", "TargetNamespaceReady", "Target namespace exists"),
          condition("LoadBalancerReady", "LoadBalancerReady", "LoadBalancer is ready with assigned IP"),
          condition("InfrastructureReady", "InfrastructureReady", "All components are ready"),
          condition("Paused", "NotPaused", "", "False"),
        ],
        initialization: { provisioned: true },
        ready: true,
      },
    }),
  ];
}

const inTarget = (name: string) => ({ name, namespace: place.target });

/** The VM: no label says whose it is, and the suffix of its disk is random. */
export function goVm(metadata: Json = {}): object {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachine",
    metadata: {
      ...inTarget("m-0"),
      uid: "vm-uid",
      labels: { "harvesterhci.io/creator": "harvester", "harvesterhci.io/vmName": "m-0" },
      finalizers: ["kubevirt.io/virtualMachineControllerFinalize"],
      ...metadata,
    },
    spec: { runStrategy: "Always" },
    status: { printableStatus: "Running", ready: true, created: true },
  };
}

export function instance(address?: string): object {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { ...inTarget("m-0"), creationTimestamp: since },
    spec: { networks: [{ name: "nic-1" }] },
    status: {
      phase: "Running",
      interfaces: [
        {
          name: "nic-1",
          ...(address !== undefined && { ipAddress: address, ipAddresses: [address] }),
        },
      ],
    },
  };
}

/** The pool; the counter is one the Go provider has moved too often. */
export function goPool(allocated: Record<string, string> = { "10.50.0.11": "demo/m-0" }): object {
  return {
    apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
    kind: "IPPool",
    metadata: { name: "demo-vms" },
    spec: {
      ranges: [
        {
          subnet: "10.50.0.0/16",
          gateway: "10.50.0.1",
          rangeStart: "10.50.0.10",
          rangeEnd: "10.50.0.12",
        },
      ],
      selector: { network: "default/vlan1" },
    },
    status: { allocated, allocatedHistory: { "10.50.0.12": "" }, available: 4, total: 3 },
  };
}

/** What of Harvester itself is looked at: its Deployment, the target namespace, image and key pair. */
export function harvesterItself(): object[] {
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "harvester", namespace: "harvester-system" },
      status: { conditions: [{ type: "Available", status: "True" }] },
    },
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: place.target },
      status: { phase: "Active" },
    },
    {
      apiVersion: "harvesterhci.io/v1beta1",
      kind: "VirtualMachineImage",
      metadata: { name: "image-1", namespace: "default" },
      spec: { displayName: "ubuntu" },
      status: { progress: 100 },
    },
    {
      apiVersion: "harvesterhci.io/v1beta1",
      kind: "KeyPair",
      metadata: { name: "operators", namespace: "default" },
      spec: { publicKey: "ssh-ed25519 AAAA" },
    },
  ];
}

export function node(spec: Json = { providerID: "harvester://vm-uid" }): object {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "m-0", labels: { "kubernetes.io/hostname": "m-0" } },
    spec: { taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }], ...spec },
  };
}
