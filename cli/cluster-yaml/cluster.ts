import { clusterNameLabel } from "#api/names.ts";
import { namesOf } from "#cli/cluster-yaml/names.ts";
import type { ClusterOptions, RoleSize } from "#cli/cluster-yaml/options.ts";
import type { NewObject } from "#platform/kube/resource.ts";

/** API version of Cluster API's own kinds; v1beta1 is not served from v1.16 on. */
export const CLUSTER_API_VERSION = "cluster.x-k8s.io/v1beta2";

/** Label by which Rancher Turtles imports a cluster. */
const RANCHER_IMPORT = "cluster-api.cattle.io/rancher-auto-import";

/** Class of workers in the ClusterClass, and name of the MachineDeployment that is made of it. */
const WORKER_CLASS = "default-worker";
export const WORKERS = "workers";

/** A value of a variable of the ClusterClass. */
interface Variable {
  readonly name: string;
  readonly value: unknown;
}

/** The Cluster, made of a ClusterClass. */
export function clusterOf(options: ClusterOptions): NewObject {
  const { name, namespace, podCidr, servicesCidr } = options;
  return {
    apiVersion: CLUSTER_API_VERSION,
    kind: "Cluster",
    metadata: { name, namespace, labels: labelsOf(options), ...annotationsOf(options) },
    spec: {
      clusterNetwork: { pods: { cidrBlocks: [podCidr] }, services: { cidrBlocks: [servicesCidr] } },
      topology: {
        classRef: { name: options.class },
        version: options.version,
        controlPlane: {
          replicas: options.controlPlane.replicas,
          ...overrides(options, options.controlPlane),
        },
        workers: {
          machineDeployments: [
            {
              class: WORKER_CLASS,
              name: WORKERS,
              replicas: options.workers.replicas,
              ...overrides(options, options.workers),
            },
          ],
        },
        variables: variablesOf(options),
      },
    },
  };
}

/**
 * With ClusterResourceSets one label, by which only this cluster's are found: those that the Go provider's generator left in the namespace look for
 * other labels, and must not bring another cluster's credentials. With Fleet those that its bundles look for.
 */
function labelsOf({ name, addons, cni, rancherImport }: ClusterOptions): Record<string, string> {
  return {
    [clusterNameLabel]: name,
    ...(addons.mode === "fleet" && { csi: "harvester", cni: cni.name }),
    ...(rancherImport && { [RANCHER_IMPORT]: "true" }),
  };
}

/** What a person has to put into Fleet's values; nobody else reads it. */
function annotationsOf({ addons, cni }: ClusterOptions): { annotations?: Record<string, string> } {
  if (addons.mode === "crs") return {};
  const annotations = {
    "caphv.io/cni-mtu": String(cni.mtu),
    "caphv.io/cni-encapsulation": cni.encapsulation,
    "caphv.io/cni-bgp": cni.bgp,
  };
  return { annotations };
}

function variablesOf(options: ClusterOptions): Variable[] {
  const { addresses, size } = options;
  return [
    { name: "vmNetworks", value: [options.network] },
    { name: "volumes", value: volumesOf(options, size.diskSize) },
    { name: "cpuCount", value: size.cpu },
    { name: "memorySize", value: size.memory },
    { name: "sshUser", value: options.sshUser },
    { name: "sshKeyPair", value: options.sshKeyPair },
    { name: "identitySecretName", value: namesOf(options.name).identitySecret },
    { name: "targetNamespace", value: options.targetNamespace },
    ...addressVariables(addresses),
    { name: "dnsServers", value: options.dnsServers },
    { name: "cni", value: options.cni.name },
    ...(options.cisProfile === undefined ? [] : [{ name: "cisProfile", value: options.cisProfile }]),
    ...(options.fips ? [{ name: "fipsRequired", value: true }] : []),
    ...(options.loadBalancerPool === undefined
      ? []
      : [{ name: "loadBalancerIpPoolRef", value: options.loadBalancerPool }]),
  ];
}

/** One pool or a list of them, never both: the list would win. The class takes an empty gateway for DHCP. */
function addressVariables(addresses: ClusterOptions["addresses"]): Variable[] {
  const { gateway, subnetMask, pools } =
    addresses.from === "dhcp" ? { gateway: "", subnetMask: "", pools: "" } : addresses;
  return [
    { name: "gateway", value: gateway },
    { name: "subnetMask", value: subnetMask },
    { name: "ipPoolRef", value: typeof pools === "string" ? pools : "" },
    { name: "ipPoolRefs", value: typeof pools === "string" ? [] : pools },
  ];
}

function volumesOf({ image, extraDisks }: ClusterOptions, bootDisk: string): Record<string, unknown>[] {
  return [
    { volumeType: "image", imageName: image, volumeSize: bootDisk, bootOrder: 1 },
    ...extraDisks.map(({ size, storageClass }) => ({
      volumeType: "storageClass",
      storageClass,
      volumeSize: size,
      bootOrder: 0,
    })),
  ];
}

/** What this role has otherwise (Cluster API book, "ClusterClass: variable overrides"). */
function overrides(options: ClusterOptions, role: RoleSize): { variables?: { overrides: Variable[] } } {
  const found: Variable[] = [
    ...(role.cpu === undefined ? [] : [{ name: "cpuCount", value: role.cpu }]),
    ...(role.memory === undefined ? [] : [{ name: "memorySize", value: role.memory }]),
    ...(role.diskSize === undefined ? [] : [{ name: "volumes", value: volumesOf(options, role.diskSize) }]),
  ];
  return found.length === 0 ? {} : { variables: { overrides: found } };
}
