import type { Image } from "#platform/harvester/image.ts";
import type { Seen } from "#platform/kube/view.ts";

/** A name as users write it: `namespace/name`, or `name` in the target namespace. */
export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

export type ImageLookup =
  | { readonly state: "usable"; readonly image: Seen<Image>; readonly storageClass: string }
  /** Exists, but Harvester has not got all of its content yet. */
  | { readonly state: "importing"; readonly image: Seen<Image> }
  | { readonly state: "missing" };

/** Reads `namespace/name` or `name`; undefined when it is neither. */
export function parseReference(text: string, defaultNamespace: string): NamespacedName | undefined {
  const [first = "", second, ...rest] = text.split("/");
  if (rest.length > 0) return undefined;
  const [namespace, name] = second === undefined ? [defaultNamespace, first] : [first, second];
  return namespace === "" || name === "" ? undefined : { namespace, name };
}

/**
 * The image meant by a reference: in its namespace, by display name or by resource name. Display names are not unique; of several the usable
 * one counts, then the one whose resource name was given, then the first by name.
 */
export function lookUpImage(wanted: NamespacedName, images: readonly Seen<Image>[]): ImageLookup {
  const found = images
    .filter(
      ({ meta, spec }) =>
        meta.namespace === wanted.namespace &&
        meta.deletionTimestamp === undefined &&
        (meta.name === wanted.name || spec.displayName === wanted.name),
    )
    .sort((a, b) => rank(a, wanted) - rank(b, wanted) || a.meta.name.localeCompare(b.meta.name))[0];
  if (found === undefined) return { state: "missing" };
  if (!isUsable(found)) return { state: "importing", image: found };
  const published = found.status.storageClassName ?? "";
  return {
    state: "usable",
    image: found,
    storageClass: published === "" ? `longhorn-${found.meta.name}` : published,
  };
}

function rank(image: Seen<Image>, wanted: NamespacedName): number {
  return (isUsable(image) ? 0 : 2) + (image.meta.name === wanted.name ? 0 : 1);
}

/** Harvester's condition `Imported` decides; without it the progress; an image that tells neither counts as usable. */
function isUsable({ status }: Seen<Image>): boolean {
  const imported = status.conditions.find(({ type }) => type === "Imported");
  if (imported !== undefined) return imported.status === "True";
  return status.progress === undefined || status.progress >= 100;
}
