import { imageLayers } from "#image/layers.ts";
import { imageArchive, type ImageArchive } from "#image/oci-archive.ts";
import { architecture } from "#image/platform.ts";
import { runConfig } from "#image/run-config.ts";
import type { Source } from "#image/source.ts";

export interface ImageOptions {
  readonly root: string;
  /** What `npm run build` made. */
  readonly dist: string;
  readonly source: Source;
  /** `<name>:<tag>`. */
  readonly reference: string;
}

/** The image of this machine's platform, and its bill of materials (CycloneDX). */
export async function makeImage({
  root,
  dist,
  source: { revision, time },
  reference,
}: ImageOptions): Promise<ImageArchive & { readonly sbom: string }> {
  const { layers, sbom } = await imageLayers(root, dist, time);
  const config = runConfig(revision);
  return { ...imageArchive({ layers, config, reference, architecture: architecture(), time }), sbom };
}
