import * as z from "zod";
import { conflictsIn } from "#cli/cluster-yaml/conflicts.ts";
import { flagOf } from "#cli/cluster-yaml/flags.ts";
import {
  dottedMask,
  type Form,
  isIp,
  isIpv4,
  isIpv4Cidr,
  isKubernetesVersion,
  isLabel,
  isReference,
  isRepository,
  isSize,
  isSubdomain,
  isWhole,
  listed,
  rke2Version,
} from "#cli/cluster-yaml/forms.ts";
import type { Answers, ClusterOptions } from "#cli/cluster-yaml/options.ts";

/**
 * Longest name of a cluster: control plane VMs carry it in the value of a label, behind `controlplane-`, and such a value has at most 63
 * characters (Kubernetes documentation, "Labels and Selectors").
 */
const LONGEST_NAME = 50;

const MEBIBYTE = 1024n * 1024n;
const anything: Form = () => true;

/** Text of a form. The message names the flag, what was given, and what to give. */
function text(key: string, mend: string, fits: Form = anything) {
  return z
    .string({ error: `${flagOf(key)} is missing; give ${mend}` })
    .refine(fits, { error: ({ input }) => `${flagOf(key)} is ${JSON.stringify(input)}; give ${mend}` });
}

function whole(key: string, least: number, most?: number) {
  const mend =
    most === undefined ? `a whole number of at least ${least}` : `a whole number from ${least} to ${most}`;
  return text(key, mend, isWhole(least, most)).transform(Number);
}

function list(key: string, mend: string, fits: Form) {
  return text(key, mend, (given) => listed(given).length > 0 && listed(given).every(fits)).transform(listed);
}

function choice<const T extends string>(key: string, words: readonly T[]) {
  const mend = `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
  return z.enum(words, {
    error: ({ input }) =>
      input === undefined
        ? `${flagOf(key)} is missing; give ${mend}`
        : `${flagOf(key)} is ${JSON.stringify(input)}; give ${mend}`,
  });
}

const memory = (key: string) => text(key, "a size such as 4Gi, at least 512Mi", isSize(512n * MEBIBYTE));
const disk = (key: string) => text(key, "a size such as 40Gi, at least 1Gi", isSize(1024n * MEBIBYTE));
const pool = (key: string) =>
  text(key, "the name of an IPPool of Harvester; pools are in no namespace", isSubdomain);

const extraDisk = text(
  "extraDisk",
  "<size>:<StorageClass>, e.g. 10Gi:longhorn",
  (given) => /^[^:]+(:[^:]+)?$/.test(given) && isSize(MEBIBYTE)(given.split(":")[0] ?? ""),
).transform((given) => {
  const [size = "", storageClass = "longhorn"] = given.split(":");
  return { size, storageClass };
});

const answersSchema = z.object({
  name: text(
    "name",
    `a name of lower-case letters, digits and dashes, at most ${LONGEST_NAME} characters`,
    (given) => given.length <= LONGEST_NAME && isLabel(given),
  ),
  namespace: text("namespace", "a name of lower-case letters, digits and dashes", isLabel).optional(),
  targetNamespace: text("targetNamespace", "the name of a namespace on Harvester", isLabel),
  cpReplicas: text(
    "cpReplicas",
    "an odd number: one more member of etcd than an odd number outlives no more failures",
    (given) => isWhole(1)(given) && Number(given) % 2 === 1,
  ).transform(Number),
  workerReplicas: whole("workerReplicas", 0),
  k8sVersion: text(
    "k8sVersion",
    "a version such as v1.31.14 or v1.31.14+rke2r1",
    isKubernetesVersion,
  ).transform(rke2Version),
  cpu: whole("cpu", 1),
  memory: memory("memory"),
  cpCpu: whole("cpCpu", 1).optional(),
  cpMemory: memory("cpMemory").optional(),
  cpDiskSize: disk("cpDiskSize").optional(),
  workerCpu: whole("workerCpu", 1).optional(),
  workerMemory: memory("workerMemory").optional(),
  workerDiskSize: disk("workerDiskSize").optional(),
  image: text("image", "a VM image of Harvester, e.g. default/leap-15", isReference),
  diskSize: disk("diskSize"),
  extraDisk: z.array(extraDisk).optional(),
  sshKeypair: text("sshKeypair", "a key pair of Harvester, e.g. default/demo", isReference),
  sshUser: text("sshUser", "the name of a user", (given) => /^[A-Za-z_][\w.-]*$/.test(given)),
  network: text("network", "a VM network of Harvester, e.g. default/vlan1", isReference),
  dhcp: z.boolean().optional(),
  gateway: text("gateway", "an IPv4 address", isIpv4).optional(),
  subnetMask: text(
    "subnetMask",
    "a mask such as 255.255.0.0 or 16",
    (given) => dottedMask(given) !== undefined,
  )
    .transform((given) => dottedMask(given) ?? given)
    .optional(),
  ipPool: pool("ipPool").optional(),
  ipPoolRefs: list(
    "ipPoolRefs",
    "names of IPPools of Harvester with commas between them",
    isSubdomain,
  ).optional(),
  dns: list("dns", "IP addresses with commas between them", isIp).optional(),
  lbIpam: choice("lbIpam", ["dhcp", "pool"]),
  lbIpPool: pool("lbIpPool").optional(),
  cni: choice("cni", ["calico", "canal", "cilium", "none"]),
  podCidr: text("podCidr", "an IPv4 block such as 10.42.0.0/16", isIpv4Cidr),
  servicesCidr: text("servicesCidr", "an IPv4 block such as 10.43.0.0/16", isIpv4Cidr),
  cniMtu: whole("cniMtu", 576, 9216),
  cniEncapsulation: choice("cniEncapsulation", [
    "None",
    "IPIP",
    "VXLAN",
    "IPIPCrossSubnet",
    "VXLANCrossSubnet",
  ]),
  cniBgp: choice("cniBgp", ["Enabled", "Disabled"]),
  mode: choice("mode", ["crs", "fleet"]).optional(),
  fleetAddonRepo: text("fleetAddonRepo", "the URL of a Git repository", isRepository).optional(),
  fleetAddonBranch: text("fleetAddonBranch", "the name of a branch"),
  cloudProviderImage: text("cloudProviderImage", "an image with its tag"),
  csiDriverImage: text("csiDriverImage", "an image with its tag"),
  cisProfile: choice("cisProfile", ["cis", "cis-1.23", "cis-1.5", "cis-1.6"]).optional(),
  fips: z.boolean().optional(),
  rancherImport: z.boolean().optional(),
  harvesterKubeconfig: text("harvesterKubeconfig", "the path of a kubeconfig of Harvester"),
  class: text("class", "the name of a ClusterClass", isSubdomain),
});

type Checked = z.infer<typeof answersSchema>;

/** What was read, or everything that is wrong with it. */
export type AnswersRead =
  | { readonly options: ClusterOptions; readonly problems: readonly [] }
  | { readonly options: undefined; readonly problems: readonly string[] };

/** Checks all answers. A problem names the flag, what was given, and the mend; none hides another. */
export function readAnswers(given: Answers): AnswersRead {
  const answers = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
  const parsed = answersSchema.safeParse(answers);
  const problems = [
    ...(parsed.success ? [] : parsed.error.issues.map(({ message }) => message)),
    ...conflictsIn(answers),
  ];
  if (!parsed.success || problems.length > 0) return { options: undefined, problems };
  return { options: asOptions(parsed.data), problems: [] };
}

function asOptions(checked: Checked): ClusterOptions {
  const { name, gateway = "", subnetMask = "", ipPool = "", ipPoolRefs, fleetAddonRepo } = checked;
  return {
    name,
    namespace: checked.namespace ?? name,
    targetNamespace: checked.targetNamespace,
    class: checked.class,
    version: checked.k8sVersion,
    size: { cpu: checked.cpu, memory: checked.memory, diskSize: checked.diskSize },
    controlPlane: {
      replicas: checked.cpReplicas,
      cpu: checked.cpCpu,
      memory: checked.cpMemory,
      diskSize: checked.cpDiskSize,
    },
    workers: {
      replicas: checked.workerReplicas,
      cpu: checked.workerCpu,
      memory: checked.workerMemory,
      diskSize: checked.workerDiskSize,
    },
    image: checked.image,
    extraDisks: checked.extraDisk ?? [],
    sshKeyPair: checked.sshKeypair,
    sshUser: checked.sshUser,
    network: checked.network,
    addresses:
      checked.dhcp === true
        ? { from: "dhcp" }
        : { from: "pools", gateway, subnetMask, pools: ipPoolRefs ?? ipPool },
    dnsServers: checked.dns ?? [],
    loadBalancerPool: checked.lbIpam === "pool" ? checked.lbIpPool : undefined,
    cni: {
      name: checked.cni,
      mtu: checked.cniMtu,
      encapsulation: checked.cniEncapsulation,
      bgp: checked.cniBgp,
    },
    podCidr: checked.podCidr,
    servicesCidr: checked.servicesCidr,
    cisProfile: checked.cisProfile,
    fips: checked.fips ?? false,
    addons:
      fleetAddonRepo === undefined
        ? { mode: "crs" }
        : { mode: "fleet", repository: fleetAddonRepo, branch: checked.fleetAddonBranch },
    cloudProviderImage: checked.cloudProviderImage,
    csiDriverImage: checked.csiDriverImage,
    rancherImport: checked.rancherImport ?? true,
  };
}
