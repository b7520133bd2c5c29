/** Specs that break the rules of admission, each in one way, and what is said of it. */

export interface BrokenSpec {
  readonly kind: "HarvesterCluster" | "HarvesterMachine";
  /** Names of the rules that are broken. */
  readonly rules: readonly string[];
  readonly spec: Readonly<Record<string, unknown>>;
  /** Begins with the path below `spec`. */
  readonly says: readonly string[];
  /** Only v1alpha1 lets it through to the rules; in v1beta1 the schema refuses it. */
  readonly alphaOnly?: true;
}

const image = { volumeType: "image", imageName: "default/leap", volumeSize: "40Gi", bootOrder: 1 };
const pool = { vmNetwork: "default/vlan1", subnet: "10.50.0.0/16", gateway: "10.50.0.1" };
const statics = { gateway: "10.50.0.1", subnetMask: "255.255.0.0" };
const listener = { name: "join", port: 9345, protocol: "TCP", backendPort: 9345 };
const fixed = { address: "10.50.0.40", gateway: "10.50.0.1" };
const cloud = {
  manifestsConfigMapNamespace: "demo",
  manifestsConfigMapName: "harvester-cloud-provider",
  manifestsConfigMapKey: "deploy.yaml",
  cloudConfigCredentialsSecretName: "cloud-config",
  cloudConfigCredentialsSecretKey: "cloud-config",
};

/** The least a cluster is made of. */
export const leastCluster = {
  identitySecret: { namespace: "demo", name: "harvester-identity" },
  loadBalancerConfig: { ipamType: "dhcp" },
  targetNamespace: "demo",
};

/** The least a machine is made of. */
export const leastMachine = {
  cpu: 2,
  memory: "4Gi",
  sshUser: "opensuse",
  sshKeyPair: "default/ops",
  volumes: [image],
  networks: ["default/vlan1"],
};

/** What admission must let through, by what is special about it. */
export const sound: Readonly<Record<string, { kind: BrokenSpec["kind"]; spec: object }>> = {
  "a cluster with DHCP": { kind: "HarvesterCluster", spec: leastCluster },
  "a cluster with one static pool": {
    kind: "HarvesterCluster",
    spec: { ...leastCluster, vmNetworkConfig: { ...statics, ipPoolRef: "vms" } },
  },
  "a cluster with a list of pools only": {
    kind: "HarvesterCluster",
    spec: { ...leastCluster, vmNetworkConfig: { ...statics, ipPoolRefs: ["rack-1", "rack-2"] } },
  },
  "a cluster with inline pools, their names written back": {
    kind: "HarvesterCluster",
    spec: {
      ...leastCluster,
      loadBalancerConfig: {
        ipamType: "pool",
        ipPool: { ...pool, rangeStart: "10.50.0.10", rangeEnd: "10.50.0.99" },
        ipPoolRef: "demo-demo-ippool",
      },
      vmNetworkConfig: { ...statics, ipPool: pool, ipPoolRef: "demo-demo-vm-ippool" },
    },
  },
  "a cluster of IPv6 networks": {
    kind: "HarvesterCluster",
    spec: {
      ...leastCluster,
      vmNetworkConfig: {
        gateway: "fe80::1",
        subnetMask: "ffff:ffff:ffff:ffff::",
        ipPool: { vmNetwork: "vlan1", subnet: "fd00:50::/64", gateway: "fe80::1", rangeStart: "fd00:50::10" },
        dnsServers: ["fd00:50::53", "10.50.0.2"],
      },
    },
  },
  "a cluster with listeners, an endpoint and a cloud provider": {
    kind: "HarvesterCluster",
    spec: {
      ...leastCluster,
      controlPlaneEndpoint: { host: "10.50.0.5", port: 6443 },
      updateCloudProviderConfig: cloud,
      loadBalancerConfig: {
        ipamType: "dhcp",
        listeners: [
          listener,
          { ...listener, name: "dns", port: 53, backendPort: 53 },
          { ...listener, name: "dns-udp", port: 53, backendPort: 53, protocol: "UDP" },
        ],
      },
    },
  },
  "a machine with DHCP": { kind: "HarvesterMachine", spec: leastMachine },
  "a machine with its own pools only": {
    kind: "HarvesterMachine",
    spec: { ...leastMachine, vmNetworkConfig: { ...statics, ipPoolRefs: ["rack-1"] } },
  },
  "a machine with an address of its own": {
    kind: "HarvesterMachine",
    spec: {
      ...leastMachine,
      networkConfig: { ...fixed, subnetMask: "255.255.255.0", dnsServers: ["10.50.0.2"] },
    },
  },
  "a machine with an address and a prefix length": {
    kind: "HarvesterMachine",
    spec: { ...leastMachine, networkConfig: { ...fixed, subnetMask: "/24" } },
  },
  "a machine with EFI and Secure Boot": {
    kind: "HarvesterMachine",
    spec: { ...leastMachine, firmware: { efi: true, secureBoot: true } },
  },
  "a machine with a TPM": {
    kind: "HarvesterMachine",
    spec: { ...leastMachine, tpm: { enabled: true, persistent: true } },
  },
  "a machine with two disks, one of a storage class, sized in bytes": {
    kind: "HarvesterMachine",
    spec: {
      ...leastMachine,
      volumes: [image, { volumeType: "storageClass", storageClass: "fast", volumeSize: 42949672960 }],
    },
  },
  "a machine whose providerID is known": {
    kind: "HarvesterMachine",
    spec: { ...leastMachine, providerID: "harvester://7daa79a5-03c0-4903-bd5f-8c0e8970fda5" },
  },
};

const many = Array.from({ length: 257 }, (_, index) => index + 1);

function cluster(
  rules: readonly string[],
  spec: Record<string, unknown>,
  ...says: readonly string[]
): BrokenSpec {
  return { kind: "HarvesterCluster", rules, spec: { ...leastCluster, ...spec }, says };
}

function machine(
  rules: readonly string[],
  spec: Record<string, unknown>,
  ...says: readonly string[]
): BrokenSpec {
  return { kind: "HarvesterMachine", rules, spec: { ...leastMachine, ...spec }, says };
}

const balancer = (over: object) => ({ loadBalancerConfig: { ipamType: "dhcp", ...over } });
const network = (over: object) => ({ vmNetworkConfig: { ...statics, ipPoolRef: "vms", ...over } });
const own = (over: object) => ({ networkConfig: { ...fixed, ...over } });
const disks = (...over: object[]) => ({ volumes: over.map((each) => ({ ...image, bootOrder: 0, ...each })) });

const ofNetwork = (make: typeof cluster): BrokenSpec[] => [
  make(["vmPool"], { vmNetworkConfig: statics }, "vmNetworkConfig names no pool"),
  make(["vmPool"], network({ ipPoolRef: "", ipPoolRefs: [""] }), "vmNetworkConfig names no pool"),
  make(["vmGateway"], network({ gateway: "" }), "vmNetworkConfig.gateway is missing"),
  make(["vmGateway"], network({ gateway: "10.50.0" }), 'vmNetworkConfig.gateway "10.50.0" is no IP address'),
  make(["vmSubnetMask"], network({ subnetMask: "" }), "vmNetworkConfig.subnetMask is missing"),
  make(["vmSubnetMask"], network({ subnetMask: "wide" }), 'vmNetworkConfig.subnetMask "wide" is no mask'),
  make(
    ["vmSubnetMask"],
    network({ subnetMask: "255.0.255.0" }),
    'vmNetworkConfig.subnetMask "255.0.255.0" is no mask',
  ),
  make(
    ["vmPoolName"],
    network({ ipPoolRef: "A pool" }),
    'vmNetworkConfig.ipPoolRef "A pool" cannot be the name',
  ),
  make(
    ["vmPoolNames"],
    network({ ipPoolRefs: ["rack-1", "Rack/2"] }),
    "vmNetworkConfig.ipPoolRefs[1] cannot be the name",
  ),
  make(
    ["vmDnsServers"],
    network({ dnsServers: ["10.50.0.2", "dns", ""] }),
    "vmNetworkConfig.dnsServers[1, 2] is no IP address",
  ),
];

const ofInlinePool = (
  prefix: string,
  path: string,
  around: (ipPool: object) => Record<string, unknown>,
): BrokenSpec[] =>
  (
    [
      ["Network", { vmNetwork: "a/b/c" }, 'vmNetwork "a/b/c" is not of the form'],
      ["Subnet", { subnet: "10.50.0.0" }, 'subnet "10.50.0.0" is no subnet'],
      ["Gateway", { gateway: "router" }, 'gateway "router" is no IP address'],
      [
        "GatewayInside",
        { gateway: "10.60.0.1" },
        "gateway 10.60.0.1 lies outside ipPool.subnet 10.50.0.0/16",
      ],
      ["Start", { rangeStart: "ten" }, 'rangeStart "ten" is no IP address'],
      ["StartInside", { rangeStart: "10.60.0.10" }, "rangeStart 10.60.0.10 lies outside"],
      ["End", { rangeEnd: "10.50.0.300" }, 'rangeEnd "10.50.0.300" is no IP address'],
      ["EndInside", { rangeEnd: "10.60.0.10" }, "rangeEnd 10.60.0.10 lies outside"],
    ] as const
  ).map(([rule, over, says]) =>
    cluster([`${prefix}${rule}`], around({ ...pool, ...over }), `${path}.${says}`),
  );

/** One entry a way to break a rule; every rule for values has at least one. */
export const broken: readonly BrokenSpec[] = [
  cluster(["targetNamespace"], { targetNamespace: "" }, "targetNamespace is missing"),
  cluster(["targetNamespace"], { targetNamespace: "My Space" }, 'targetNamespace "My Space" cannot be'),
  cluster(
    ["identityName"],
    { identitySecret: { namespace: "demo", name: "" } },
    "identitySecret.name is missing",
  ),
  cluster(
    ["identityName"],
    { identitySecret: { namespace: "demo", name: "a/b" } },
    'identitySecret.name "a/b" cannot be',
  ),
  cluster(
    ["identityNamespace"],
    { identitySecret: { namespace: "", name: "id" } },
    "identitySecret.namespace is missing",
  ),
  cluster(
    ["identityNamespace"],
    { identitySecret: { namespace: "a.b", name: "id" } },
    'identitySecret.namespace "a.b" cannot be',
  ),
  ...Object.keys(cloud).map((field) =>
    cluster(
      [field],
      { updateCloudProviderConfig: { ...cloud, [field]: "a b" } },
      `updateCloudProviderConfig.${field} "a b" has a character`,
    ),
  ),
  cluster(["balancerPool"], balancer({ ipamType: "pool" }), "loadBalancerConfig names no pool"),
  cluster(
    ["balancerPoolTwice"],
    balancer({ ipamType: "pool", ipPool: pool, ipPoolRef: "mine" }),
    "loadBalancerConfig.ipPool stands next to ipPoolRef mine",
  ),
  cluster(
    ["balancerPoolName"],
    balancer({ ipamType: "pool", ipPoolRef: "Mine" }),
    'loadBalancerConfig.ipPoolRef "Mine" cannot be',
  ),
  cluster(
    ["listenersMany"],
    balancer({
      listeners: many.map((port) => ({ ...listener, name: `l-${port}`, port, backendPort: port })),
    }),
    "loadBalancerConfig.listeners has 257 entries; give at most 256",
  ),
  cluster(
    ["listenerPorts"],
    balancer({ listeners: [listener, { ...listener, name: "zero", port: 0, backendPort: 1 }] }),
    "loadBalancerConfig.listeners[1] has a port",
  ),
  cluster(
    ["listenerNames"],
    balancer({ listeners: [{ ...listener, name: "api-server" }] }),
    "loadBalancerConfig.listeners[0].name is taken",
  ),
  cluster(
    ["listenerNames"],
    balancer({ listeners: [listener, { ...listener, port: 80, backendPort: 80 }] }),
    "loadBalancerConfig.listeners[0, 1].name is taken",
  ),
  cluster(
    ["listenerPortsTwice"],
    balancer({ listeners: [{ ...listener, port: 6443 }] }),
    "loadBalancerConfig.listeners[0].port is taken",
  ),
  cluster(
    ["listenerBackendsTwice"],
    balancer({ listeners: [listener, { ...listener, name: "b", port: 80 }] }),
    "loadBalancerConfig.listeners[0, 1].backendPort is taken",
  ),
  ...ofInlinePool("balancerIpPool", "loadBalancerConfig.ipPool", (ipPool) =>
    balancer({ ipamType: "pool", ipPool }),
  ),
  ...ofInlinePool("vmIpPool", "vmNetworkConfig.ipPool", (ipPool) => ({
    vmNetworkConfig: { ...statics, ipPool },
  })),
  cluster(
    ["vmGatewayInside"],
    { vmNetworkConfig: { ...statics, gateway: "10.60.0.1", ipPool: pool } },
    "vmNetworkConfig.gateway 10.60.0.1 lies outside ipPool.subnet 10.50.0.0/16",
  ),
  ...ofNetwork(cluster),

  machine(["cpu"], { cpu: 0 }, "cpu is 0"),
  machine(["memory"], { memory: "" }, "memory is missing"),
  machine(["memory"], { memory: "much" }, 'memory "much" is no quantity'),
  machine(["memory"], { memory: "-4Gi" }, 'memory "-4Gi" is no quantity'),
  machine(["sshUser"], { sshUser: "" }, "sshUser is missing"),
  machine(["sshKeyPair"], { sshKeyPair: "" }, "sshKeyPair is missing"),
  machine(["sshKeyPair"], { sshKeyPair: "default/" }, 'sshKeyPair "default/" is not of the form'),
  machine(["volumes"], { volumes: [] }, "volumes is empty"),
  machine(
    ["volumesMany"],
    disks(...many.map((bootOrder) => ({ bootOrder }))),
    "volumes has 257 entries; give at most 256",
  ),
  {
    ...machine(["volumeType"], disks({}, { volumeType: "floppy" }), "volumes[1].volumeType is neither"),
    alphaOnly: true,
  },
  machine(
    ["imageName"],
    disks({ imageName: "" }, {}, { imageName: "" }),
    "volumes[0, 2].imageName is missing",
  ),
  machine(["imageNameForm"], disks({ imageName: "a/b/c" }), "volumes[0].imageName is not of the form"),
  machine(["storageClass"], disks({}, { volumeType: "storageClass" }), "volumes[1].storageClass is missing"),
  machine(
    ["volumeSize"],
    { volumes: [{ volumeType: "image", imageName: "leap" }] },
    "volumes[0].volumeSize is missing",
  ),
  machine(
    ["volumeSizeForm"],
    disks({ volumeSize: 0 }, { volumeSize: "-1Gi" }),
    "volumes[0, 1].volumeSize is no quantity",
  ),
  machine(
    ["bootOrder"],
    disks({ bootOrder: 1 }, {}, { bootOrder: 1 }),
    "volumes[0, 2].bootOrder is that of another",
  ),
  machine(["networks"], { networks: [] }, "networks is empty"),
  machine(["networkNames"], { networks: ["vlan1", "default/vlan1/x"] }, "networks[1] is not of the form"),
  machine(["address"], own({ address: "" }), "networkConfig.address is missing"),
  machine(
    ["address"],
    own({ address: "10.50.0.400" }),
    'networkConfig.address "10.50.0.400" is no IP address',
  ),
  machine(["gateway"], own({ gateway: "" }), "networkConfig.gateway is missing"),
  machine(["gateway"], own({ gateway: "router" }), 'networkConfig.gateway "router" is no IP address'),
  machine(
    ["subnetMask"],
    own({ subnetMask: "255.0.255.0" }),
    'networkConfig.subnetMask "255.0.255.0" is no mask',
  ),
  machine(
    ["gatewayInside"],
    own({ address: "10.50.1.40", subnetMask: "255.255.255.0" }),
    "networkConfig.gateway 10.50.0.1 lies outside the network 10.50.1.40/24",
  ),
  machine(
    ["gatewayInside"],
    own({ address: "10.50.1.40", subnetMask: "/24" }),
    "networkConfig.gateway 10.50.0.1 lies outside the network 10.50.1.40/24",
  ),
  machine(["dnsServers"], own({ dnsServers: ["resolver"] }), "networkConfig.dnsServers[0] is no IP address"),
  machine(["oneNetworkConfig"], { ...own({}), ...network({}) }, "vmNetworkConfig stands next to"),
  machine(
    ["inlinePool"],
    network({ ipPool: pool }),
    "vmNetworkConfig.ipPool is for the HarvesterCluster only",
  ),
  machine(["secureBoot"], { firmware: { secureBoot: true } }, "firmware.secureBoot is true without"),
  machine(["tpmPersistent"], { tpm: { persistent: true } }, "tpm.persistent is true without"),
  machine(["providerIdForm"], { providerID: "7daa79a5" }, 'providerID "7daa79a5" is no provider ID'),
  ...ofNetwork(machine),
];
