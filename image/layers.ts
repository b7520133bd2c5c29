import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileCache } from "#image/compile-cache.ts";
import { appTree, baseTree } from "#image/root-tree.ts";
import { softwareBill } from "#image/sbom.ts";
import type { Member } from "#image/tar.ts";
import { layOut } from "#image/tree-on-disk.ts";
import { rootAt } from "#image/warm-up.ts";

/** The image's file system. Lowest layer first: what changes seldom lies under what changes with every version. */
export interface Layers {
  readonly layers: readonly (readonly Member[])[];
  readonly sbom: string;
}

/**
 * The file system out of what `npm run build` made, around the Node that runs this: the compile cache is warmed inside it.
 *
 * @param time seconds since the epoch
 */
export async function imageLayers(root: string, dist: string, time: number): Promise<Layers> {
  const sbom = softwareBill(root, time);
  const base = baseTree(process.execPath);
  const app = appTree(dist, sbom);
  const folder = mkdtempSync(join(tmpdir(), "capfn-image-"));
  try {
    layOut(folder, [...base, ...app]);
    const functions = readdirSync(join(dist, "functions")).map((file) => file.replace(/\.mjs$/, ""));
    const cache = await compileCache(rootAt(folder), functions);
    return { layers: [base, [...app, ...cache]], sbom };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
