import { appearance, change, type WaitTarget } from "#functions/contract/outcome.ts";
import type { IndexQuery } from "#functions/contract/relations.ts";
import {
  machineOnHarvester,
  type HarvesterScope,
  type MachineScope,
} from "#functions/harvester/machine-scope.ts";
import { hadVm } from "#functions/harvester/ownership.ts";
import { lookUpImage, parseReference, type ImageLookup } from "#functions/harvester/vm-image.ts";
import type { HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { secretView, type SecretPresence } from "#platform/cluster-api/secret.ts";
import { imageView, keyPairView, type Image, type KeyPair } from "#platform/harvester/image.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { keyPairs, secrets, virtualMachineImages } from "#platform/kube/resources.ts";
import { harvesterConnection, MANAGEMENT, type ObjectRef, type Seen } from "#platform/kube/view.ts";

/** What a VM is made of besides its address. */
export interface Ingredients {
  /** Images of the machine's volumes. */
  readonly images: readonly Seen<Image>[];
  readonly keyPair: Seen<KeyPair> | undefined;
  /** That the bootstrap data Secret is there, until there is a VM; not what is in it. */
  readonly bootstrap: Seen<SecretPresence> | undefined;
}

/** The machine with what its VM is made of, known for sure. */
export const machineWithIngredients = machineOnHarvester
  .matching("images", imageView, (own, { harvesterCluster }) => imageQueries(own, harvesterCluster))
  .one("keyPair", keyPairView, (own, { harvesterCluster }) => keyPairRef(own, harvesterCluster))
  .one("bootstrap", secretView, (own, related) =>
    isToBeMade(own, related) ? bootstrapRef(own, related) : undefined,
  );

/** What a VM needs is looked at only until there is one. */
export function isToBeMade(own: Seen<HarvesterMachineBody>, { vm }: Pick<HarvesterScope, "vm">): boolean {
  return vm === undefined && !hadVm(own) && own.meta.deletionTimestamp === undefined;
}

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

/** The bootstrap data Secret (contract of Cluster API, bootstrap data); undefined until the Machine names it. */
export function bootstrapRef(
  own: Seen<HarvesterMachineBody>,
  { machine }: Pick<MachineScope, "machine">,
): ObjectRef | undefined {
  const name = machine?.spec.bootstrap.dataSecretName;
  return name === undefined ? undefined : { connection: MANAGEMENT, namespace: own.meta.namespace, name };
}

interface MachineWithIngredients {
  readonly object: Seen<HarvesterMachineBody>;
  readonly related: MachineScope & Ingredients;
}

/** Something a VM cannot be made without that is not there yet. */
export interface MissingIngredient {
  /** For the condition `VMProvisioningReady`: names the object. */
  readonly message: string;
  readonly target: WaitTarget;
}

/**
 * What is missing on Harvester, in the order of the spec; empty when the VM can be made. References that cannot be read are not its concern.
 */
export function missingOnHarvester({
  object,
  related,
}: MachineWithIngredients): readonly MissingIngredient[] {
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
    const deleted = images.find(
      ({ meta }) => meta.namespace === reference.namespace && meta.name === reference.name,
    );
    return [{ message, target: news(virtualMachineImages, deleted, { connection, ...reference }) }];
  });
  const reference = parseReference(object.spec.sshKeyPair, targetNamespace);
  if (reference !== undefined && (keyPair === undefined || keyPair.meta.deletionTimestamp !== undefined)) {
    const message = `KeyPair ${reference.namespace}/${reference.name} does not exist on Harvester; create it or correct spec.sshKeyPair`;
    missing.push({ message, target: news(keyPairs, keyPair, { connection, ...reference }) });
  }
  return missing;
}

/** A bootstrap data Secret that is named and not there. `seen` is what the index holds of it all the same. */
export function missingBootstrapData(
  ref: ObjectRef,
  seen: Seen<SecretPresence> | undefined,
): MissingIngredient {
  const message = `the bootstrap data Secret ${ref.namespace ?? ""}/${ref.name} does not exist; its bootstrap provider must write it`;
  return { message, target: news(secrets, seen, ref) };
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

/** What is on its way out counts as missing, but must go before it can appear. */
function news(type: ResourceType, seen: Seen<unknown> | undefined, ref: ObjectRef): WaitTarget {
  return seen === undefined ? appearance(type, ref) : change(type, seen);
}
