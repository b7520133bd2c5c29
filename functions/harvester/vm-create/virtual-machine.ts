import { harvesterNames, machineTypeOf } from "#api/names.ts";
import { cloudInitSecretName } from "#functions/harvester/vm-create/derived-names.ts";
import type { Disk } from "#functions/harvester/vm-create/volumes.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { apiVersionOf, type NewObject } from "#platform/kube/resource.ts";
import { virtualMachines } from "#platform/kube/resources.ts";

export interface VirtualMachineInput {
  readonly name: string;
  /** Target namespace on Harvester. */
  readonly namespace: string;
  readonly clusterName: string;
  readonly isControlPlane: boolean;
  readonly spec: HarvesterMachineBody["spec"];
  /** Owner and group labels, put on the VM and on its template. */
  readonly labels: Readonly<Record<string, string>>;
  readonly disks: readonly Disk[];
  /** Name of the KeyPair, without namespace. */
  readonly keyPairName: string;
  /** MAC address per interface; empty when Harvester is to choose. */
  readonly macAddresses: readonly string[];
  readonly affinity: Readonly<Record<string, unknown>>;
}

/** The VirtualMachine, with the labels and annotations Harvester's UI, its controllers and its load balancers rely on. */
export function virtualMachine(input: VirtualMachineInput): NewObject {
  const { name, namespace, disks } = input;
  const machineType = machineTypeOf(input.clusterName);
  const labels = {
    ...input.labels,
    [harvesterNames.creatorLabel]: harvesterNames.creatorValue,
    [harvesterNames.vmNameLabel]: name,
    [harvesterNames.vmNamePrefixLabel]: name,
    ...(input.isControlPlane && { [harvesterNames.machineType]: machineType }),
  };
  const claims = disks.map(({ claim }) => claim);
  return {
    apiVersion: apiVersionOf(virtualMachines),
    kind: virtualMachines.kind,
    metadata: {
      name,
      namespace,
      labels,
      annotations: {
        [harvesterNames.volumeClaimTemplatesAnnotation]: JSON.stringify(claims),
        [harvesterNames.ipsAnnotation]: "[]",
      },
    },
    spec: {
      runStrategy: "Always",
      template: {
        metadata: {
          labels,
          annotations: {
            [harvesterNames.machineType]: machineType,
            [harvesterNames.diskNamesAnnotation]: JSON.stringify(claims.map(({ metadata }) => metadata.name)),
            [harvesterNames.sshNamesAnnotation]: JSON.stringify([input.keyPairName]),
          },
        },
        spec: templateSpec(input),
      },
    },
  };
}

function templateSpec({ name, spec, disks, affinity, macAddresses }: VirtualMachineInput) {
  const networks = spec.networks.map((networkName, index) => ({
    name: `nic-${index + 1}`,
    multus: { networkName },
  }));
  return {
    hostname: name,
    affinity,
    domain: {
      cpu: { cores: spec.cpu, sockets: 1, threads: 1 },
      memory: { guest: spec.memory },
      resources: {
        requests: { memory: spec.memory },
        limits: { cpu: String(spec.cpu), memory: spec.memory },
      },
      ...firmware(spec),
      devices: {
        inputs: [{ bus: "usb", type: "tablet", name: "tablet" }],
        disks: [
          ...disks.map(({ bootOrder }, index) => ({
            name: diskName(index),
            disk: { bus: "virtio" },
            ...(bootOrder !== undefined && { bootOrder }),
          })),
          { name: CLOUD_INIT_DISK, disk: { bus: "virtio" } },
        ],
        interfaces: networks.map((network, index) => ({
          name: network.name,
          model: "virtio",
          bridge: {},
          ...(macAddresses[index] !== undefined && { macAddress: macAddresses[index] }),
        })),
        ...tpm(spec),
      },
    },
    networks,
    volumes: [
      ...disks.map(({ claim }, index) => ({
        name: diskName(index),
        persistentVolumeClaim: { claimName: claim.metadata.name },
      })),
      {
        name: CLOUD_INIT_DISK,
        cloudInitNoCloud: {
          secretRef: { name: cloudInitSecretName(name) },
          networkDataSecretRef: { name: cloudInitSecretName(name) },
        },
      },
    ],
  };
}

const CLOUD_INIT_DISK = "cloudinitdisk";

function diskName(index: number): string {
  return `disk-${index}`;
}

/** `secureBoot` is always written: left out, KubeVirt takes it for true. Secure Boot needs system management mode. */
function firmware({ firmware }: HarvesterMachineBody["spec"]) {
  if (firmware?.efi !== true) return {};
  const secureBoot = firmware.secureBoot === true;
  return {
    firmware: { bootloader: { efi: { secureBoot } } },
    ...(secureBoot && { features: { smm: { enabled: true } } }),
  };
}

function tpm({ tpm }: HarvesterMachineBody["spec"]) {
  return tpm?.enabled === true ? { tpm: { persistent: tpm.persistent === true } } : {};
}
