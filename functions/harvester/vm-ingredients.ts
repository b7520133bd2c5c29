import { appearance, change, type WaitTarget } from "#functions/contract/outcome.ts";
import type { IndexQuery } from "#functions/contract/relations.ts";
import { machineOnHarvester } from "#functions/harvester/machine-scope.ts";
import { lookUpImage, parseReference, type ImageLookup } from "#functions/harvester/vm-image.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { imageView, keyPairView, type Image, type KeyPair } from "#platform/harvester/image.ts";
import { keyPairs, virtualMachineImages } from "#platform/kube/resources.ts";
import { harvesterConnection, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** The machine with what its VM is made of on Harvester besides the address: the images of its volumes and its key pair. */
export const machineWithIngredients = machineOnHarvester
  .matching("images", imageView, (own, { harvesterCluster }) => imageQueries(own, harvesterCluster))
  .one("keyPair", keyPairView, (own, { harvesterCluster }) => keyPairRef(own, harvesterCluster));

/** Where the images of the machine's volumes are looked for. */
export function imageQueries(
  own: Seen<HarvesterMachineBody>,
  harvesterCluster: Seen<HarvesterClusterBody> | undefined,
): readonly IndexQuery[] {
  if (harvesterCluster === undefined) return [];
  const connection = harvesterConnection(harvesterCluster.spec.identitySecret);
  return imageReferences(own, harvesterCluster).map(({ namespace, name }) => ({
    connection,
    namespace,
    index: "name",
    value: name,
  }));
}

/** The key pair of the machine; undefined when it cannot be named. */
export function keyPairRef(
  own: Seen<HarvesterMachineBody>,
  harvesterCluster: Seen<HarvesterClusterBody> | undefined,
): ObjectRef | undefined {
  if (harvesterCluster === undefined) return undefined;
  const { identitySecret, targetNamespace } = harvesterCluster.spec;
  const reference = parseReference(own.spec.sshKeyPair, targetNamespace);
  return reference === undefined
    ? undefined
    : { connection: harvesterConnection(identitySecret), ...reference };
}

export interface Ingredients {
  readonly object: Seen<HarvesterMachineBody>;
  readonly related: {
    readonly harvesterCluster: Seen<HarvesterClusterBody> | undefined;
    readonly images: readonly Seen<Image>[];
    readonly keyPair: Seen<KeyPair> | undefined;
  };
}

/** Something a VM cannot be made without that Harvester does not have yet. */
export interface MissingIngredient {
  /** For the condition `VMProvisioningReady`: names the object. */
  readonly message: string;
  readonly target: WaitTarget;
}

/** What is missing, in the order of the spec; empty when the VM can be made. References that cannot be read are not its concern. */
export function missingIngredients({ object, related }: Ingredients): readonly MissingIngredient[] {
  const { harvesterCluster, images, keyPair } = related;
  if (harvesterCluster === undefined) return [];
  const { identitySecret, targetNamespace } = harvesterCluster.spec;
  const connection = harvesterConnection(identitySecret);
  const missing = imageReferences(object, harvesterCluster).flatMap((reference): MissingIngredient[] => {
    const found = lookUpImage(reference, images);
    const name = `${reference.namespace}/${reference.name}`;
    if (found.state === "usable") return [];
    if (found.state === "importing") {
      const message = `VirtualMachineImage ${name} is not imported yet`;
      return [{ message, target: change(virtualMachineImages, found.image) }];
    }
    const message = `VirtualMachineImage ${name} does not exist on Harvester, neither by display name nor by name; upload it or correct spec.volumes[].imageName`;
    return [{ message, target: appearance(virtualMachineImages, { connection, ...reference }) }];
  });
  const reference = parseReference(object.spec.sshKeyPair, targetNamespace);
  if (reference !== undefined && (keyPair === undefined || keyPair.meta.deletionTimestamp !== undefined)) {
    const message = `KeyPair ${reference.namespace}/${reference.name} does not exist on Harvester; create it or correct spec.sshKeyPair`;
    missing.push({ message, target: appearance(keyPairs, { connection, ...reference }) });
  }
  return missing;
}

/** The image of one volume as it is now; undefined for an empty disk or a reference that cannot be read. */
export function imageOf(
  volume: HarvesterMachineBody["spec"]["volumes"][number],
  targetNamespace: string,
  images: readonly Seen<Image>[],
): ImageLookup | undefined {
  if (volume.volumeType !== "image") return undefined;
  const reference = parseReference(volume.imageName ?? "", targetNamespace);
  return reference === undefined ? undefined : lookUpImage(reference, images);
}

function imageReferences(own: Seen<HarvesterMachineBody>, cluster: Seen<HarvesterClusterBody>) {
  const references = own.spec.volumes
    .filter(({ volumeType }) => volumeType === "image")
    .map(({ imageName }) => parseReference(imageName ?? "", cluster.spec.targetNamespace))
    .filter((reference) => reference !== undefined);
  return [
    ...new Map(
      references.map((reference) => [`${reference.namespace}/${reference.name}`, reference]),
    ).values(),
  ];
}
