/**
 * What somebody who runs `clusterctl generate cluster` says: the variables of the Go provider's templates, with a default for those that have an
 * obvious one. Name, namespace, version and counts are flags of clusterctl.
 */
export type VariableName =
  | "CLUSTER_NAME"
  | "NAMESPACE"
  | "KUBERNETES_VERSION"
  | "CONTROL_PLANE_MACHINE_COUNT"
  | "WORKER_MACHINE_COUNT"
  | "HARVESTER_ENDPOINT"
  | "HARVESTER_KUBECONFIG_B64"
  | "CLOUD_CONFIG_KUBECONFIG_B64"
  | "TARGET_HARVESTER_NAMESPACE"
  | "VM_NETWORK"
  | "VM_IMAGE_NAME"
  | "VM_DISK_SIZE"
  | "VM_SSH_USER"
  | "SSH_KEYPAIR"
  | "SSH_USER"
  | "IP_POOL_NAME"
  | "CONTROL_PLANE_CPU"
  | "CONTROL_PLANE_MEMORY"
  | "WORKER_CPU"
  | "WORKER_MEMORY"
  | "RKE2_REVISION"
  | "TALOS_VERSION"
  | "CALICO_VERSION"
  | "POD_CIDR"
  | "SERVICE_CIDR"
  | "GATEWAY"
  | "SUBNET_MASK"
  | "HARVESTER_CLOUD_PROVIDER_VERSION"
  | "HARVESTER_CSI_DRIVER_VERSION"
  | "CSI_NODE_DRIVER_REGISTRAR_VERSION"
  | "CSI_RESIZER_VERSION"
  | "CSI_PROVISIONER_VERSION"
  | "CSI_ATTACHER_VERSION";

/** These stand for whole numbers, so they are never put between quotes. */
const NUMBERS: readonly VariableName[] = [
  "CONTROL_PLANE_MACHINE_COUNT",
  "WORKER_MACHINE_COUNT",
  "CONTROL_PLANE_CPU",
  "WORKER_CPU",
];

/** A variable as clusterctl substitutes it (envsubst): required, unless there is a default. */
export function variable(name: VariableName, byDefault?: string): string {
  return byDefault === undefined ? `\${${name}}` : `\${${name}:=${byDefault}}`;
}

/** Name of an object that belongs to one cluster: two clusters of a namespace share none. */
export function named(suffix: string): string {
  return `${variable("CLUSTER_NAME")}-${suffix}`;
}

/** Whether a value is nothing but a variable that stands for a number. */
export function isNumber(value: string): boolean {
  const name = /^\$\{(?<name>[A-Z0-9_]+)(?::=\d+)?\}$/.exec(value)?.groups?.["name"];
  return NUMBERS.some((each) => each === name);
}

/**
 * Label of the Cluster by which Rancher Turtles imports it. The variable holds the whole label, `cluster-api.cattle.io/rancher-auto-import: "true"`, as the
 * Go provider has it, or nothing.
 */
export const RANCHER_LABEL = "RANCHER_TURTLES_LABEL";
