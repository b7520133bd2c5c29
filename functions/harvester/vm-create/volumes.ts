import { harvesterNames } from "#api/names.ts";
import { imageOf } from "#functions/harvester/vm-ingredients.ts";
import { claimName } from "#functions/harvester/vm-create/derived-names.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { Image } from "#platform/harvester/image.ts";
import type { Seen } from "#platform/kube/view.ts";

/** A PersistentVolumeClaim as it stands in the VM's annotation, from which Harvester makes it. */
interface ClaimTemplate {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string } };
    readonly storageClassName: string;
    readonly volumeMode: string;
  };
  readonly status: Readonly<Record<string, never>>;
}

/** One disk of the VM. */
export interface Disk {
  readonly claim: ClaimTemplate;
  readonly bootOrder: number | undefined;
}

export interface DiskContext {
  readonly vmName: string;
  readonly identity: string;
  readonly namespace: string;
  /** Put on every claim, so that it is found again and told from a namesake's. */
  readonly labels: Readonly<Record<string, string>>;
  readonly images: readonly Seen<Image>[];
}

/**
 * The disks of a machine whose spec was found sound and whose images are usable. Without `accessMode` and `volumeMode` the claims are
 * ReadWriteMany and Block, which live migration needs; classes that cannot do that are served by naming the modes.
 *
 * @throws Error when a volume has neither a usable image nor a storage class: the caller has not checked.
 */
export function disksOf(spec: HarvesterMachineBody["spec"], context: DiskContext): readonly Disk[] {
  return spec.volumes.map((volume, index) => {
    const source = sourceOf(volume, context);
    if (source === undefined) throw new Error(`spec.volumes[${index}] has no usable source`);
    const { annotations, storageClassName } = source;
    return {
      bootOrder: volume.bootOrder !== undefined && volume.bootOrder > 0 ? volume.bootOrder : undefined,
      claim: {
        metadata: {
          name: claimName(context.vmName, context.identity, index),
          namespace: context.namespace,
          labels: context.labels,
          ...(annotations !== undefined && { annotations }),
        },
        spec: {
          accessModes: [volume.accessMode ?? "ReadWriteMany"],
          resources: { requests: { storage: String(volume.volumeSize ?? "") } },
          storageClassName,
          volumeMode: volume.volumeMode ?? "Block",
        },
        status: {},
      },
    };
  });
}

function sourceOf(
  volume: HarvesterMachineBody["spec"]["volumes"][number],
  { namespace, images }: DiskContext,
) {
  if (volume.volumeType === "storageClass") {
    return volume.storageClass === undefined
      ? undefined
      : { storageClassName: volume.storageClass, annotations: undefined };
  }
  const found = imageOf(volume, namespace, images);
  if (found?.state !== "usable") return undefined;
  const { meta } = found.image;
  return {
    storageClassName: found.storageClass,
    annotations: { [harvesterNames.imageIdAnnotation]: `${meta.namespace ?? ""}/${meta.name}` },
  };
}
