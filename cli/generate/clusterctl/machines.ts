import { clusterNameLabel, storageApiVersion } from "#api/names.ts";
import { beside, CORE, infrastructure, type Reference } from "#cli/generate/clusterctl/cluster.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";
import { named, variable } from "#cli/generate/clusterctl/variables.ts";

export type Role = "control-plane" | "worker";

const TEMPLATES = { "control-plane": named("cp-machine"), worker: named("wk-machine") } as const;

/** What the machines of a role are made from. */
export const machineTemplateRef = (role: Role): Reference =>
  infrastructure("HarvesterMachineTemplate", TEMPLATES[role]);

export interface MachineOptions {
  readonly sshUser: string;
  /** UEFI with Secure Boot, and a TPM that keeps its state. */
  readonly hardened?: boolean;
}

/** The HarvesterMachineTemplate of a role. */
export function machineTemplate(role: Role, { sshUser, hardened = false }: MachineOptions): Manifest {
  const size =
    role === "control-plane"
      ? { cpu: variable("CONTROL_PLANE_CPU", "2"), memory: variable("CONTROL_PLANE_MEMORY", "8Gi") }
      : { cpu: variable("WORKER_CPU", "2"), memory: variable("WORKER_MEMORY", "4Gi") };
  const spec = {
    ...size,
    sshUser,
    sshKeyPair: variable("SSH_KEYPAIR"),
    networks: [variable("VM_NETWORK")],
    volumes: [
      {
        volumeType: "image",
        imageName: variable("VM_IMAGE_NAME"),
        volumeSize: variable("VM_DISK_SIZE", "50Gi"),
        bootOrder: 1,
      },
    ],
    ...(hardened && {
      firmware: { efi: true, secureBoot: true },
      tpm: { enabled: true, persistent: true },
    }),
  };
  return {
    apiVersion: storageApiVersion,
    kind: "HarvesterMachineTemplate",
    metadata: beside(TEMPLATES[role]),
    spec: { template: { spec } },
  };
}

/** The workers: a MachineDeployment that boots by a config template of the bootstrap provider. */
export function workers(bootstrapKind: string, version: string): Manifest {
  const clusterName = variable("CLUSTER_NAME");
  return {
    apiVersion: CORE,
    kind: "MachineDeployment",
    metadata: beside(named("workers")),
    spec: {
      clusterName,
      replicas: variable("WORKER_MACHINE_COUNT"),
      selector: { matchLabels: { [clusterNameLabel]: clusterName } },
      template: {
        metadata: { labels: { [clusterNameLabel]: clusterName } },
        spec: {
          clusterName,
          version,
          bootstrap: {
            configRef: { apiGroup: "bootstrap.cluster.x-k8s.io", kind: bootstrapKind, name: named("worker") },
          },
          infrastructureRef: machineTemplateRef("worker"),
        },
      },
    },
  };
}

/** Machines whose Node stays away or is not Ready for five minutes are replaced, never more than a third at a time. */
export function healthCheck(): Manifest {
  const clusterName = variable("CLUSTER_NAME");
  return {
    apiVersion: CORE,
    kind: "MachineHealthCheck",
    metadata: beside(named("mhc")),
    spec: {
      clusterName,
      selector: { matchLabels: { [clusterNameLabel]: clusterName } },
      checks: {
        nodeStartupTimeoutSeconds: 1200,
        unhealthyNodeConditions: ["False", "Unknown"].map((status) => ({
          type: "Ready",
          status,
          timeoutSeconds: 300,
        })),
      },
      remediation: { triggerIf: { unhealthyLessThanOrEqualTo: "34%" } },
    },
  };
}
