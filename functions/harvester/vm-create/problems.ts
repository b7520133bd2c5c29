import { machineTypeOf } from "#api/names.ts";
import { compareQuantities } from "#api/quantity.ts";
import { volumeTypes } from "#api/harvester-machine.ts";
import type { StaticSource } from "#functions/harvester/network-config.ts";
import { parseReference } from "#functions/harvester/vm-image.ts";
import { readStatic } from "#functions/harvester/vm-create/network-data.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Seen } from "#platform/kube/view.ts";

export interface ProblemInput {
  readonly own: Seen<HarvesterMachineBody>;
  readonly clusterName: string;
  readonly isControlPlane: boolean;
  /** The static addresses, if any. */
  readonly statics: readonly StaticSource[];
}

/**
 * Everything about the machine no repetition would mend, all at once: field, problem, mend. The API server refuses most of it at admission,
 * but objects stored before the rules, or under v1alpha1, come here all the same.
 */
export function problemsOf(input: ProblemInput): readonly string[] {
  const { spec } = input.own;
  return [
    ...nameProblems(input),
    ...sizeProblems(spec),
    ...(reads(spec.sshKeyPair) ? [] : [`spec.sshKeyPair ${REFERENCE}`]),
    ...(spec.volumes.length === 0 ? ["spec.volumes is empty; give at least the disk to boot from"] : []),
    ...spec.volumes.flatMap((volume, index) => volumeProblems(volume, `spec.volumes[${index}]`)),
    ...bootOrderProblems(spec.volumes),
    ...(spec.networks.length === 0 ? ["spec.networks is empty; give at least one VM network"] : []),
    ...spec.networks.flatMap((name, index) => (reads(name) ? [] : [`spec.networks[${index}] ${REFERENCE}`])),
    ...(spec.firmware?.secureBoot === true && spec.firmware.efi !== true
      ? ["spec.firmware.secureBoot needs spec.firmware.efi: true; set it or leave out secureBoot"]
      : []),
    ...networkProblems(input),
  ];
}

const REFERENCE = "is not of the form name or namespace/name; correct it";
const LONGEST_LABEL_VALUE = 63;

type Volume = HarvesterMachineBody["spec"]["volumes"][number];

/** Harvester keeps the name of a VM, and the load balancer the name of the Cluster, in label values. */
function nameProblems({ own, clusterName, isControlPlane }: ProblemInput): string[] {
  const { name } = own.meta;
  return [
    ...(name.length > LONGEST_LABEL_VALUE
      ? [
          `metadata.name has ${name.length} characters, a VM's name at most ${LONGEST_LABEL_VALUE}; use shorter names for the Cluster or its topology`,
        ]
      : []),
    ...(isControlPlane && machineTypeOf(clusterName).length > LONGEST_LABEL_VALUE
      ? [
          `the name of Cluster ${clusterName} is too long for the label its load balancer selects by; use at most 50 characters`,
        ]
      : []),
  ];
}

function sizeProblems({ cpu, memory }: HarvesterMachineBody["spec"]): string[] {
  return [
    ...(Number.isInteger(cpu) && cpu >= 1 ? [] : ["spec.cpu is less than 1; give the number of cores"]),
    ...(isPositive(memory)
      ? []
      : [`spec.memory ${JSON.stringify(memory)} is no quantity above zero; give one such as 8Gi`]),
  ];
}

function volumeProblems(volume: Volume, field: string): string[] {
  return [...sourceProblems(volume, field), ...volumeSizeProblems(volume, field)];
}

function sourceProblems({ volumeType, imageName, storageClass }: Volume, field: string): string[] {
  switch (volumeType) {
    case volumeTypes.image:
      if (imageName === undefined || imageName === "")
        return [`${field}.imageName is missing; name the VM image`];
      return reads(imageName) ? [] : [`${field}.imageName ${REFERENCE}`];
    case volumeTypes.storageClass:
      return storageClass === undefined || storageClass === ""
        ? [`${field}.storageClass is missing; name the StorageClass`]
        : [];
    default:
      return [`${field}.volumeType ${JSON.stringify(volumeType)} is unknown; use image or storageClass`];
  }
}

function volumeSizeProblems({ volumeSize }: Volume, field: string): string[] {
  if (volumeSize === undefined) return [`${field}.volumeSize is missing; give a size such as 40Gi`];
  return isPositive(volumeSize)
    ? []
    : [`${field}.volumeSize ${JSON.stringify(volumeSize)} is no quantity above zero; give one such as 40Gi`];
}

/** KubeVirt refuses two disks with one place in the boot order. */
function bootOrderProblems(volumes: readonly Volume[]): string[] {
  const places = volumes.map(({ bootOrder }) => bootOrder ?? 0);
  return places.flatMap((place, index) =>
    place > 0 && places.indexOf(place) < index
      ? [`spec.volumes[${index}].bootOrder ${place} is taken by another volume; give each its own`]
      : [],
  );
}

function networkProblems({ statics }: ProblemInput): readonly string[] {
  return statics.flatMap((source) => {
    const read = readStatic(source);
    return "problems" in read ? read.problems : [];
  });
}

function isPositive(quantity: string | number): boolean {
  const compared = compareQuantities(quantity, 0);
  return compared !== undefined && compared > 0;
}

function reads(reference: string): boolean {
  return parseReference(reference, "any") !== undefined;
}
