interface ClassVariable {
  readonly name: string;
  readonly required: boolean;
  readonly schema: { readonly openAPIV3Schema: object };
}

const text = { type: "string" };
const texts = { type: "array", items: text };

function required(name: string, description: string, schema: object): ClassVariable {
  return { name, required: true, schema: { openAPIV3Schema: { description, ...schema } } };
}

function optional(name: string, description: string, schema: object): ClassVariable {
  return { name, required: false, schema: { openAPIV3Schema: { description, ...schema } } };
}

const volume = {
  type: "object",
  properties: {
    volumeType: {
      ...text,
      description: "What the disk starts from: an image, or nothing, of a storage class.",
      enum: ["image", "storageClass"],
      default: "image",
    },
    imageName: {
      ...text,
      description: "Image on Harvester, as namespace/name, by its name or display name.",
      default: "",
    },
    storageClass: { ...text, description: "Storage class on Harvester.", default: "" },
    volumeSize: { ...text, description: "Size of the disk.", default: "40Gi" },
    bootOrder: { type: "integer", description: "Place in the order of booting; 0: none.", default: 0 },
  },
};

/** What a Cluster of the class says: names, types, defaults as the Go provider's class has them, so that its Clusters are this one's. */
export const classVariables: readonly ClassVariable[] = [
  required("vmNetworks", "Networks of the machines on Harvester, as namespace/name.", {
    ...texts,
    minItems: 1,
    example: ["default/production"],
  }),
  required("volumes", "Disks of the machines; the first is booted from.", {
    type: "array",
    minItems: 1,
    items: volume,
  }),
  required("sshKeyPair", "Key pair on Harvester, as namespace/name.", { ...text, minLength: 1 }),
  required("gateway", "Gateway of the machines' network. Empty: they take their addresses by DHCP.", text),
  required("subnetMask", "Subnet mask of the machines' network; empty with DHCP.", text),
  optional("cpuCount", "Cores of a machine.", { type: "integer", minimum: 1, default: 2 }),
  optional("memorySize", "Memory of a machine.", { ...text, default: "4Gi" }),
  optional("sshUser", "User that logs in to the machines.", { ...text, default: "sles" }),
  optional("identitySecretName", "Secret in the Cluster's namespace with the kubeconfig for Harvester.", {
    ...text,
    default: "hv-identity-secret",
  }),
  optional("targetNamespace", "Namespace on Harvester.", { ...text, default: "default" }),
  optional("ipPoolRef", "IPPool on Harvester the machines' addresses come from.", { ...text, default: "" }),
  optional("ipPoolRefs", "IPPools, tried in this order; they win over ipPoolRef.", { ...texts, default: [] }),
  optional("dnsServers", "DNS servers of the machines, unless they use DHCP.", { ...texts, default: [] }),
  optional("cni", "Network plugin that RKE2 installs.", {
    ...text,
    enum: ["calico", "canal", "cilium", "none"],
    default: "calico",
  }),
  optional("cisProfile", "CIS profile of RKE2; empty: none.", {
    ...text,
    enum: ["", "cis", "cis-1.23", "cis-1.5", "cis-1.6"],
    default: "",
  }),
  optional("fipsRequired", "Whether machines whose kernel is not in FIPS mode must not join.", {
    type: "boolean",
    default: false,
  }),
];
