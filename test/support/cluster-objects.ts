import { machineFinalizer } from "#api/names.ts";

type Json = Record<string, unknown>;

/** Name and namespaces the objects here share. */
export const place = {
  namespace: "demo",
  cluster: "demo",
  target: "vms",
  connection: "harvester/demo/identity",
} as const;

export function cluster(over: { spec?: Json; metadata?: Json; status?: Json } = {}): object {
  return {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata: { name: place.cluster, namespace: place.namespace, ...over.metadata },
    spec: {
      infrastructureRef: {
        apiGroup: "infrastructure.cluster.x-k8s.io",
        kind: "HarvesterCluster",
        name: place.cluster,
      },
      ...over.spec,
    },
    status: { initialization: { infrastructureProvisioned: true }, ...over.status },
  };
}

export function harvesterCluster(over: { spec?: Json; metadata?: Json; status?: Json } = {}): object {
  return {
    apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
    kind: "HarvesterCluster",
    metadata: {
      name: place.cluster,
      namespace: place.namespace,
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
      ownerReferences: [
        {
          apiVersion: "cluster.x-k8s.io/v1beta2",
          kind: "Cluster",
          name: place.cluster,
          uid: "uid-Cluster-demo",
        },
      ],
      ...over.metadata,
    },
    spec: {
      identitySecret: { namespace: "demo", name: "identity" },
      loadBalancerConfig: { ipamType: "dhcp" },
      targetNamespace: place.target,
      ...over.spec,
    },
    ...(over.status !== undefined && { status: over.status }),
  };
}

export function machine(name: string, over: { spec?: Json; metadata?: Json } = {}): object {
  return {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    metadata: { name, namespace: place.namespace, ...over.metadata },
    spec: { clusterName: place.cluster, bootstrap: { dataSecretName: `${name}-bootstrap` }, ...over.spec },
  };
}

export function harvesterMachine(
  name: string,
  over: { spec?: Json; metadata?: Json; status?: Json } = {},
): object {
  return {
    apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
    kind: "HarvesterMachine",
    metadata: {
      name,
      namespace: place.namespace,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { "cluster.x-k8s.io/cluster-name": place.cluster },
      ownerReferences: [
        { apiVersion: "cluster.x-k8s.io/v1beta2", kind: "Machine", name, uid: `uid-Machine-${name}` },
      ],
      ...over.metadata,
    },
    spec: { ...machineSpec, ...over.spec },
    ...(over.status !== undefined && { status: over.status }),
  };
}

export function harvesterMachineTemplate(
  name: string,
  over: { metadata?: Json; template?: Json; status?: Json } = {},
): object {
  return {
    apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
    kind: "HarvesterMachineTemplate",
    metadata: { name, namespace: place.namespace, ...over.metadata },
    spec: { template: { spec: machineSpec, ...over.template } },
    ...(over.status !== undefined && { status: over.status }),
  };
}

/** Spec of a HarvesterMachine with nothing in it that is not required. */
export const machineSpec = {
  cpu: 2,
  memory: "4Gi",
  sshUser: "ubuntu",
  sshKeyPair: "default/operators",
  volumes: [{ volumeType: "image", imageName: "default/ubuntu", volumeSize: "40Gi", bootOrder: 1 }],
  networks: ["default/vlan1"],
} as const;

/** Metadata of a HarvesterMachine that is being deleted, with our finalizer and identity. */
export function deleting(name: string, over: Json = {}): Json {
  return {
    finalizers: [machineFinalizer],
    deletionTimestamp: "2026-01-01T00:10:00Z",
    annotations: { "capfn.dev/identity": `uid-HarvesterMachine-${name}` },
    ...over,
  };
}

export function ipPool(
  name: string,
  over: { range?: Json; ranges?: Json[]; network?: string; status?: Json; metadata?: Json } = {},
): object {
  return {
    apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
    kind: "IPPool",
    metadata: { name, ...over.metadata },
    spec: {
      ranges: over.ranges ?? [
        {
          subnet: "10.50.0.0/24",
          gateway: "10.50.0.1",
          rangeStart: "10.50.0.10",
          rangeEnd: "10.50.0.19",
          ...over.range,
        },
      ],
      selector: over.network === undefined ? {} : { network: over.network },
    },
    ...(over.status !== undefined && { status: over.status }),
  };
}

/** A VM as vm-create makes it, as far as ownership goes. */
export function virtualMachine(
  name: string,
  over: { metadata?: Json; spec?: Json; status?: Json } = {},
): object {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachine",
    metadata: { name, namespace: place.target, labels: ownedLabels(name), ...over.metadata },
    spec: { runStrategy: "Always", ...over.spec },
    ...(over.status !== undefined && { status: over.status }),
  };
}

export function virtualMachineInstance(name: string): object {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: { name, namespace: place.target },
    spec: {},
    status: { phase: "Running" },
  };
}

export function secret(name: string, labels: Record<string, string> = {}): object {
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: place.target, labels } };
}

/** A request of the Node's kubelet that nobody has decided on, and that cannot be read. */
export function kubeletRequest(node: string): object {
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "csr-1" },
    spec: {
      signerName: "kubernetes.io/kubelet-serving",
      username: `system:node:${node}`,
      groups: ["system:nodes"],
      usages: ["server auth"],
      request: "bm9uZQ==",
    },
  };
}

export function disk(name: string, labels: Record<string, string> = {}): object {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: place.target, labels },
  };
}

/** Labels that say whose an object on Harvester is. */
export function ownedLabels(name: string): Record<string, string> {
  return { "capfn.dev/owner-uid": `uid-HarvesterMachine-${name}`, "capfn.dev/owner-name": name };
}

/**
 * What asks for a machine's remediation: a request whose machine is still to be found, one whose machine was, one that ended long ago, and a
 * MachineHealthCheck's.
 */
export function remediations(machineName: string): object[] {
  const about = (kind: string, name: string, more: { metadata?: Json; spec: Json; status?: Json }) => ({
    apiVersion: "capfn.dev/v1alpha1",
    kind,
    ...more,
    metadata: { name, namespace: place.namespace, ...more.metadata },
  });
  const target = {
    by: "spec.target.machine",
    namespace: place.namespace,
    cluster: place.cluster,
    machine: machineName,
    machineUID: `uid-Machine-${machineName}`,
  };
  const owner = {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    name: machineName,
    uid: target.machineUID,
  };
  const spec = { source: "Injection", target: { machine: machineName } };
  return [
    about("RemediationRequest", "unresolved", { spec }),
    about("RemediationRequest", "resolved", { spec, status: { phase: "Pending", target } }),
    about("RemediationRequest", "ended", {
      metadata: { creationTimestamp: "2025-01-01T00:00:00Z" },
      spec,
      status: { phase: "Succeeded", target },
    }),
    about("MachineRemediation", machineName, { metadata: { ownerReferences: [owner] }, spec: {} }),
  ];
}

/** An EventInjection about the Machine of its own name. */
export function eventInjection(name: string) {
  return {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "EventInjection",
    metadata: { name, namespace: place.namespace, generation: 1 },
    spec: { type: "machine.changed", target: { kind: "Machine", name } },
  };
}

/** A HarvesterIPPool that stands for an IPPool of the Harvester of `place`. */
export function harvesterIpPool(name: string, pool: string, over: { metadata?: Json } = {}): object {
  return {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "HarvesterIPPool",
    metadata: { name, namespace: place.namespace, generation: 1, ...over.metadata },
    spec: { identitySecret: { name: "identity" }, ipPool: pool },
  };
}

/** An IPAddressClaim that names a HarvesterIPPool. */
export function ipAddressClaim(
  name: string,
  pool: string,
  over: { metadata?: Json; spec?: Json; status?: Json } = {},
): object {
  return {
    apiVersion: "ipam.cluster.x-k8s.io/v1beta2",
    kind: "IPAddressClaim",
    metadata: {
      name,
      namespace: place.namespace,
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...over.metadata,
    },
    spec: { poolRef: { apiGroup: "capfn.dev", kind: "HarvesterIPPool", name: pool }, ...over.spec },
    ...(over.status !== undefined && { status: over.status }),
  };
}

/** An IPAddress as some provider made it for a claim of its name. */
export function ipAddress(name: string, spec: Json, over: { metadata?: Json } = {}): object {
  return {
    apiVersion: "ipam.cluster.x-k8s.io/v1beta2",
    kind: "IPAddress",
    metadata: { name, namespace: place.namespace, ...over.metadata },
    spec: {
      claimRef: { name },
      poolRef: { apiGroup: "ipam.example.com", kind: "ExamplePool", name: "rack-1" },
      ...spec,
    },
  };
}
