/** What is asked when nothing is given for a flag; an empty answer is `fallback`. */
export interface Question {
  readonly text: string;
  /** Proposed in place of the flag's default. */
  readonly fallback?: string;
  /** Nothing has to be answered. */
  readonly optional?: boolean;
}

/** One flag of `capfn generate`, as a person gives it: text that nobody has looked at yet. */
export interface ClusterFlag {
  /** Name among the answers; the flag in camel case, as commander has it. */
  readonly key: string;
  /** As commander takes it, e.g. `--cpu <n>`. */
  readonly flags: string;
  readonly meaning: string;
  readonly fallback?: string;
  /** May be given several times. */
  readonly repeated?: boolean;
  /** Asked by `--interactive`, in the order of this list. */
  readonly question?: Question;
}

/** Kubernetes version and images that are used when none are named. */
const KUBERNETES_VERSION = "v1.31.14";
const images = {
  cloudProvider: "rancher/harvester-cloud-provider:v0.2.5",
  csiDriver: "rancher/harvester-csi-driver:v0.1.6",
} as const;

const identity: readonly ClusterFlag[] = [
  {
    key: "name",
    flags: "--name <name>",
    meaning: "name of the cluster",
    question: { text: "Cluster name" },
  },
  {
    key: "namespace",
    flags: "-n, --namespace <name>",
    meaning: "namespace on the management cluster; that of the name when left out",
    question: { text: "Namespace (empty: that of the name)", optional: true },
  },
  {
    key: "targetNamespace",
    flags: "--target-namespace <name>",
    meaning: "namespace on Harvester for VMs, disks and load balancer",
    fallback: "default",
    question: { text: "Namespace on Harvester" },
  },
];

const sizes: readonly ClusterFlag[] = [
  {
    key: "cpReplicas",
    flags: "--cp-replicas <n>",
    meaning: "control plane machines, an odd number",
    fallback: "3",
    question: { text: "Control plane machines" },
  },
  {
    key: "workerReplicas",
    flags: "--worker-replicas <n>",
    meaning: "workers",
    fallback: "2",
    question: { text: "Workers", fallback: "1" },
  },
  {
    key: "k8sVersion",
    flags: "--k8s-version <version>",
    meaning: "version of Kubernetes; +rke2r1 is added when it names no release of RKE2",
    fallback: KUBERNETES_VERSION,
    question: { text: "Kubernetes version" },
  },
  {
    key: "cpu",
    flags: "--cpu <n>",
    meaning: "CPUs of a machine",
    fallback: "2",
    question: { text: "CPUs of a machine" },
  },
  {
    key: "memory",
    flags: "--memory <size>",
    meaning: "memory of a machine",
    fallback: "4Gi",
    question: { text: "Memory of a machine" },
  },
  { key: "cpCpu", flags: "--cp-cpu <n>", meaning: "the same for the control plane only" },
  { key: "cpMemory", flags: "--cp-memory <size>", meaning: "the same for the control plane only" },
  { key: "cpDiskSize", flags: "--cp-disk-size <size>", meaning: "boot disk of the control plane only" },
  { key: "workerCpu", flags: "--worker-cpu <n>", meaning: "the same for workers only" },
  { key: "workerMemory", flags: "--worker-memory <size>", meaning: "the same for workers only" },
  { key: "workerDiskSize", flags: "--worker-disk-size <size>", meaning: "boot disk of workers only" },
];

const machines: readonly ClusterFlag[] = [
  {
    key: "image",
    flags: "--image <namespace/name>",
    meaning: "VM image of Harvester",
    question: { text: "VM image (namespace/name)" },
  },
  {
    key: "diskSize",
    flags: "--disk-size <size>",
    meaning: "size of the boot disk",
    fallback: "40Gi",
    question: { text: "Size of the boot disk" },
  },
  {
    key: "extraDisk",
    flags: "--extra-disk <size:class>",
    meaning:
      "one more disk, of a StorageClass of Harvester (longhorn when left out); may be given several times",
    repeated: true,
    question: { text: "One more disk (size:class, empty: none)", optional: true },
  },
  {
    key: "sshKeypair",
    flags: "--ssh-keypair <namespace/name>",
    meaning: "key pair of Harvester",
    question: { text: "SSH key pair (namespace/name)" },
  },
  {
    key: "sshUser",
    flags: "--ssh-user <name>",
    meaning: "user of the image",
    fallback: "sles",
    question: { text: "SSH user" },
  },
];

const network: readonly ClusterFlag[] = [
  {
    key: "network",
    flags: "--network <namespace/name>",
    meaning: "VM network of Harvester",
    question: { text: "VM network (namespace/name)" },
  },
  {
    key: "gateway",
    flags: "--gateway <address>",
    meaning: "gateway of the VM network",
    question: { text: "Gateway" },
  },
  {
    key: "subnetMask",
    flags: "--subnet-mask <mask>",
    meaning: "mask of the VM network, e.g. 255.255.0.0",
    question: { text: "Subnet mask" },
  },
  {
    key: "ipPool",
    flags: "--ip-pool <name>",
    meaning: "IPPool of Harvester that machines get addresses from",
    question: { text: "IPPool" },
  },
  {
    key: "ipPoolRefs",
    flags: "--ip-pool-refs <names>",
    meaning: "several IPPools with commas between them, tried in this order; wins over --ip-pool",
  },
  {
    key: "dns",
    flags: "--dns <addresses>",
    meaning: "DNS servers of the machines, with commas between them",
    question: { text: "DNS servers (with commas, empty: none)", optional: true },
  },
  {
    key: "lbIpam",
    flags: "--lb-ipam <dhcp|pool>",
    meaning: "where the address of the API server comes from",
    fallback: "dhcp",
  },
  {
    key: "lbIpPool",
    flags: "--lb-ip-pool <name>",
    meaning: "IPPool of Harvester for it, with --lb-ipam pool",
  },
];

const pods: readonly ClusterFlag[] = [
  {
    key: "cni",
    flags: "--cni <name>",
    meaning: "network of pods: calico, canal, cilium or none",
    fallback: "calico",
    question: { text: "CNI (calico, canal, cilium, none)" },
  },
  { key: "podCidr", flags: "--pod-cidr <cidr>", meaning: "addresses of pods", fallback: "10.42.0.0/16" },
  {
    key: "servicesCidr",
    flags: "--services-cidr <cidr>",
    meaning: "addresses of Services",
    fallback: "10.43.0.0/16",
  },
  { key: "cniMtu", flags: "--cni-mtu <n>", meaning: "MTU of the network of pods", fallback: "1500" },
  {
    key: "cniEncapsulation",
    flags: "--cni-encapsulation <mode>",
    meaning: "of Calico: None, IPIP, VXLAN, IPIPCrossSubnet or VXLANCrossSubnet",
    fallback: "VXLANCrossSubnet",
  },
  {
    key: "cniBgp",
    flags: "--cni-bgp <mode>",
    meaning: "of Calico: Enabled or Disabled",
    fallback: "Disabled",
  },
];

const delivery: readonly ClusterFlag[] = [
  {
    key: "mode",
    flags: "--mode <crs|fleet>",
    meaning:
      "how CSI driver and CNI configuration get there: ClusterResourceSets, or Fleet; crs unless --fleet-addon-repo is given",
  },
  {
    key: "fleetAddonRepo",
    flags: "--fleet-addon-repo <url>",
    meaning: "Git repository with Fleet bundles of CSI driver and CNI configuration",
  },
  {
    key: "fleetAddonBranch",
    flags: "--fleet-addon-branch <name>",
    meaning: "its branch",
    fallback: "main",
  },
  {
    key: "cloudProviderImage",
    flags: "--cloud-provider-image <image>",
    meaning: "image of Harvester's cloud provider",
    fallback: images.cloudProvider,
  },
  {
    key: "csiDriverImage",
    flags: "--csi-driver-image <image>",
    meaning: "image of Harvester's CSI driver",
    fallback: images.csiDriver,
  },
  {
    key: "cisProfile",
    flags: "--cis-profile <name>",
    meaning: "CIS profile of RKE2: cis, cis-1.23, cis-1.5 or cis-1.6",
  },
  {
    key: "harvesterKubeconfig",
    flags: "--harvester-kubeconfig <path>",
    meaning: "kubeconfig of Harvester, with everything inside; it goes into a Secret and nowhere else",
    question: { text: "Path of Harvester's kubeconfig" },
  },
  {
    key: "class",
    flags: "--class <name>",
    meaning: "ClusterClass; any other than the default has to be there already",
    fallback: "harvester-rke2",
    question: { text: "ClusterClass" },
  },
];

/** Flags with a value, in the order of the help and of the questions. */
export const clusterFlags: readonly ClusterFlag[] = [
  ...identity,
  ...sizes,
  ...machines,
  ...network,
  ...pods,
  ...delivery,
];

/** Flags without a value. */
export const clusterSwitches = [
  { key: "dhcp", flags: "--dhcp", meaning: "machines get addresses by DHCP, from no pool" },
  { key: "fips", flags: "--fips", meaning: "machines refuse to start without a kernel in FIPS mode" },
  {
    key: "rancherImport",
    flags: "--no-rancher-import",
    meaning: "leave out the label by which Rancher imports the cluster",
  },
] as const;

/** `--cp-replicas` of a flag's key, for messages. */
export function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
