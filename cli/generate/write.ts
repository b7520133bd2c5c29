import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Folders in which nothing but generated files may be: a file there that is no longer generated is removed. */
const whollyGenerated = [
  "manifests/clusterctl",
  "manifests/grafana",
  ...["admission", "crds", "rbac", "hub", "in-process", "knative", "knative/triggers", "keda"].map(
    (folder) => `manifests/${folder}`,
  ),
  ...["crds", "rbac", "hub", "in-process", "knative", "keda", "monitoring"].map(
    (folder) => `chart/templates/${folder}`,
  ),
];

/**
 * Brings the generated files below `root` up to date.
 * Answers the paths that were written or removed, sorted; empty when nothing had to change.
 */
export async function writeGenerated(root: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const changed: string[] = [];
  for (const path of await leftovers(root, files)) {
    await rm(join(root, path));
    changed.push(path);
  }
  for (const [path, content] of files) {
    const target = join(root, path);
    if ((await contentOf(target)) === content) continue;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
    changed.push(path);
  }
  return changed.sort();
}

/** Paths below `root` that differ from what would be generated: stale, missing, or no longer generated. */
export async function drift(root: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const stale: string[] = await leftovers(root, files);
  for (const [path, content] of files) {
    if ((await contentOf(join(root, path))) !== content) stale.push(path);
  }
  return stale.sort();
}

async function leftovers(root: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const found: string[] = [];
  for (const folder of whollyGenerated) {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
    const own = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => `${folder}/${name}`);
    found.push(...own.filter((path) => !files.has(path)));
  }
  return found;
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return undefined;
  }
}
