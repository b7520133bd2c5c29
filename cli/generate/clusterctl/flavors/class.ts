import { addons } from "#cli/generate/clusterctl/addons/index.ts";
import { CLASS, WORKER_CLASS } from "#cli/generate/clusterctl/class/parts.ts";
import {
  beside,
  clusterLabels,
  CORE,
  identityName,
  identitySecret,
} from "#cli/generate/clusterctl/cluster.ts";
import { rke2Version } from "#cli/generate/clusterctl/flavors/rke2.ts";
import type { Manifest } from "#cli/generate/clusterctl/text.ts";
import { variable } from "#cli/generate/clusterctl/variables.ts";

/** A Cluster of the ClusterClass, which clusterctl adds to it where the namespace does not have it yet. */
export function classCluster(): Manifest[] {
  const values: Readonly<Record<string, unknown>> = {
    vmNetworks: [variable("VM_NETWORK")],
    volumes: [
      {
        volumeType: "image",
        imageName: variable("VM_IMAGE_NAME"),
        volumeSize: variable("VM_DISK_SIZE", "50Gi"),
        bootOrder: 1,
      },
    ],
    cpuCount: variable("WORKER_CPU", "2"),
    memorySize: variable("WORKER_MEMORY", "4Gi"),
    sshUser: variable("SSH_USER", "ubuntu"),
    sshKeyPair: variable("SSH_KEYPAIR"),
    identitySecretName: identityName,
    targetNamespace: variable("TARGET_HARVESTER_NAMESPACE", "default"),
    gateway: variable("GATEWAY"),
    subnetMask: variable("SUBNET_MASK"),
    ipPoolRef: variable("IP_POOL_NAME"),
  };
  return [
    {
      apiVersion: CORE,
      kind: "Cluster",
      metadata: { ...beside(variable("CLUSTER_NAME")), labels: clusterLabels },
      spec: {
        topology: {
          classRef: { name: CLASS },
          version: rke2Version,
          controlPlane: { replicas: variable("CONTROL_PLANE_MACHINE_COUNT") },
          workers: {
            machineDeployments: [
              { class: WORKER_CLASS, name: "workers", replicas: variable("WORKER_MACHINE_COUNT") },
            ],
          },
          variables: Object.entries(values).map(([name, value]) => ({ name, value })),
        },
      },
    },
    identitySecret(),
    ...addons({ credentials: "made", calico: true }),
  ];
}
