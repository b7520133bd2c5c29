import { ownerUidLabel } from "#api/names.ts";
import type { StepClient } from "#functions/contract/deps.ts";
import { ownerSelector } from "#functions/harvester/ownership.ts";
import { IDENTITY_ANNOTATION, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { persistentVolumeClaims, secrets } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

interface Place {
  /** Target namespace on Harvester. */
  readonly namespace: string;
  /** A foreign VM has the machine's name: then what is named after it may be that VM's. */
  readonly nameTaken: boolean;
}

/**
 * Deletes the cloud-init Secret and the disks of a machine whose VM is gone: what carries its identity, one request per kind. For a machine that
 * the Go provider made, which labelled nothing, also what it named after the machine.
 *
 * @throws KubeError of any request; then the finalizer must stay.
 */
export async function deleteLeftovers(
  harvester: StepClient,
  machine: Seen<HarvesterMachineBody>,
  { namespace, nameTaken }: Place,
): Promise<void> {
  const labels = ownerSelector(machine);
  await Promise.all(
    [secrets, persistentVolumeClaims].map((type) => harvester.deleteCollection(type, { namespace, labels })),
  );
  if (!nameTaken && machine.metadata.annotations[IDENTITY_ANNOTATION] === undefined) {
    await deleteUnlabelled(harvester, machine, namespace);
  }
}

/** We set the identity annotation before anything is created, so a machine without it is one the Go provider made. */
async function deleteUnlabelled(
  harvester: StepClient,
  machine: Seen<HarvesterMachineBody>,
  namespace: string,
): Promise<void> {
  const secret = await harvester.get(secrets, { namespace, name: `${machine.meta.name}-cloud-init` });
  if (secret !== undefined && hasNoOwner(secret)) {
    const { name, uid } = secret.metadata;
    await harvester.delete(secrets, { namespace, name }, { uid });
  }
  const disks: KubeObject[] = [];
  for await (const claim of harvester.list(persistentVolumeClaims, { namespace })) {
    if (hasNoOwner(claim) && isDiskOf(machine, claim.metadata.name)) disks.push(claim);
  }
  for (const { metadata } of disks) {
    await harvester.delete(persistentVolumeClaims, { namespace, name: metadata.name }, { uid: metadata.uid });
  }
}

function hasNoOwner({ metadata }: KubeObject): boolean {
  return metadata.labels?.[ownerUidLabel] === undefined;
}

/** `<machine>-disk-<index>-<five characters>`, the index one of the machine's volumes. The prefix alone would also hit other machines' disks. */
function isDiskOf(machine: Seen<HarvesterMachineBody>, claim: string): boolean {
  const prefix = `${machine.meta.name}-disk-`;
  if (!claim.startsWith(prefix)) return false;
  const match = /^(0|[1-9]\d*)-[a-z0-9]{5}$/.exec(claim.slice(prefix.length));
  return match?.[1] !== undefined && Number(match[1]) < machine.spec.volumes.length;
}
