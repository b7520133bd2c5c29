import type { NewObject } from "#platform/kube/resource.ts";
import type { StageApi } from "#test/chaos/stage.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";

type Json = Record<string, unknown>;

const infrastructure = "infrastructure.cluster.x-k8s.io";

export function namespace(name: string): NewObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

export function kubeconfigSecret(
  { namespace: where }: TrialNames,
  name: string,
  key: string,
  kubeconfig: string | StageApi,
): NewObject {
  const text = typeof kubeconfig === "string" ? kubeconfig : kubeconfig.kubeconfig;
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: where },
    data: { [key]: Buffer.from(text).toString("base64") },
  };
}

/** A Secret of the trial's namespace with these texts. */
export function secret(
  { namespace: where }: TrialNames,
  name: string,
  texts: Readonly<Record<string, string>>,
): NewObject {
  const data = Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: where },
    data: Object.fromEntries(data),
  };
}

export function bootstrapSecret(names: TrialNames, machine: string, userData = "#cloud-config\n"): NewObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `${machine}-bootstrap`, namespace: names.namespace },
    type: "cluster.x-k8s.io/secret",
    data: {
      value: Buffer.from(userData).toString("base64"),
      format: Buffer.from("cloud-config").toString("base64"),
    },
  };
}

export function cluster({ cluster: name, namespace: where }: TrialNames, spec: Json = {}): NewObject {
  return {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata: { name, namespace: where },
    spec: { infrastructureRef: { apiGroup: infrastructure, kind: "HarvesterCluster", name }, ...spec },
  };
}

export function harvesterCluster(names: TrialNames, owner: string, spec: Json = {}): NewObject {
  const name = names.cluster;
  return {
    apiVersion: `${infrastructure}/v1beta1`,
    kind: "HarvesterCluster",
    metadata: {
      name,
      namespace: names.namespace,
      labels: { "cluster.x-k8s.io/cluster-name": name },
      ownerReferences: [{ apiVersion: "cluster.x-k8s.io/v1beta2", kind: "Cluster", name, uid: owner }],
    },
    spec: {
      identitySecret: { namespace: names.namespace, name: "identity" },
      targetNamespace: names.target,
      loadBalancerConfig: { ipamType: "dhcp" },
      controlPlaneEndpoint: { host: names.address(1), port: 6443 },
      ...spec,
    },
  };
}

/** The network configuration of machines with an address of these pools. */
export function fromPools(names: TrialNames, ...pools: string[]): Json {
  return {
    vmNetworkConfig: {
      ipPoolRefs: pools.map((pool) => names.pool(pool)),
      gateway: names.address(0),
      subnetMask: "255.255.255.0",
    },
  };
}

export function ipPool(names: TrialNames, name: string, first: number, last: number): NewObject {
  return {
    apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
    kind: "IPPool",
    metadata: { name: names.pool(name) },
    spec: {
      ranges: [
        {
          subnet: names.subnet,
          gateway: names.address(0),
          rangeStart: names.address(first),
          rangeEnd: names.address(last),
        },
      ],
      selector: { network: "default/vlan1" },
    },
  };
}

/** An image that is imported already. */
export function image({ target }: TrialNames): NewObject {
  return {
    apiVersion: "harvesterhci.io/v1beta1",
    kind: "VirtualMachineImage",
    metadata: { name: "ubuntu", namespace: target },
    spec: { displayName: "ubuntu", sourceType: "download", url: "https://images.test/ubuntu.img" },
    status: {
      progress: 100,
      storageClassName: "longhorn-ubuntu",
      conditions: [{ type: "Imported", status: "True" }],
    },
  };
}

export function keyPair({ target }: TrialNames): NewObject {
  return {
    apiVersion: "harvesterhci.io/v1beta1",
    kind: "KeyPair",
    metadata: { name: "operators", namespace: target },
    spec: { publicKey: `ssh-ed25519 ${Buffer.alloc(51, 7).toString("base64")} trial` },
  };
}

export function machine(names: TrialNames, name: string, over: { spec?: Json } = {}): NewObject {
  return {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    metadata: {
      name,
      namespace: names.namespace,
      labels: { "cluster.x-k8s.io/cluster-name": names.cluster },
    },
    spec: {
      clusterName: names.cluster,
      bootstrap: { dataSecretName: `${name}-bootstrap` },
      infrastructureRef: { apiGroup: infrastructure, kind: "HarvesterMachine", name },
      ...over.spec,
    },
  };
}

/** A Machine of the control plane as Cluster API keeps it; nothing of it is on Harvester. */
export function controlPlaneMachine(names: TrialNames, name: string): NewObject {
  const made = machine(names, name);
  const labels = {
    "cluster.x-k8s.io/cluster-name": names.cluster,
    "cluster.x-k8s.io/control-plane": "",
  };
  return { ...made, metadata: { ...made.metadata, labels, finalizers: ["machine.cluster.x-k8s.io"] } };
}

/** A condition of a Cluster API object. */
export function condition(type: string, status: string, reason: string): Json {
  return { type, status, reason, message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };
}

/** A request to remediate a machine, of its name. No machine rests between two remediations, and a start takes seconds. */
export function remediationRequest(names: TrialNames, machineName: string, spec: Json): NewObject {
  const name = names.machine(machineName);
  return {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "RemediationRequest",
    metadata: { name, namespace: names.namespace },
    spec: {
      source: "Injection",
      target: { machine: name },
      cooldownSeconds: 0,
      stepTimeoutSeconds: 20,
      ...spec,
    },
  };
}

export function harvesterMachine(
  names: TrialNames,
  name: string,
  { owner, spec = {}, metadata = {} }: { owner: string; spec?: Json; metadata?: Json },
): NewObject {
  return {
    apiVersion: `${infrastructure}/v1beta1`,
    kind: "HarvesterMachine",
    metadata: {
      name,
      namespace: names.namespace,
      labels: { "cluster.x-k8s.io/cluster-name": names.cluster },
      ownerReferences: [{ apiVersion: "cluster.x-k8s.io/v1beta2", kind: "Machine", name, uid: owner }],
      ...metadata,
    },
    spec: {
      cpu: 2,
      memory: "4Gi",
      sshUser: "ubuntu",
      sshKeyPair: "operators",
      volumes: [{ volumeType: "image", imageName: "ubuntu", volumeSize: "40Gi", bootOrder: 1 }],
      networks: ["default/vlan1"],
      ...spec,
    },
  };
}

/** What others have in the same places; nothing of it may ever be touched. */
export function foreignObjects({ target, machine: nameOf }: TrialNames): readonly NewObject[] {
  const name = `${nameOf("m1")}-other`;
  return [
    { apiVersion: "v1", kind: "Secret", metadata: { name: `${name}-cloud-init`, namespace: target } },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      // As a disk of another machine whose name begins alike.
      metadata: { name: `${name}-disk-0-abc1d`, namespace: target },
      spec: {
        accessModes: ["ReadWriteMany"],
        resources: { requests: { storage: "1Gi" } },
        storageClassName: "longhorn",
      },
    },
    {
      apiVersion: "kubevirt.io/v1",
      kind: "VirtualMachine",
      metadata: { name, namespace: target, labels: { "harvesterhci.io/creator": "harvester" } },
      spec: {
        runStrategy: "Halted",
        template: { spec: { domain: { devices: {} }, networks: [], volumes: [] } },
      },
    },
  ];
}
