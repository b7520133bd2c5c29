import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { version } from "#cli/version.ts";
import { cacheDirectory, cached } from "#platform/control-plane/asset-cache.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { run } from "#test/e2e/cluster/machine/command.ts";
import type { Cluster } from "#test/e2e/cluster/machine/cluster.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** What the image is made of, from the repository's root. */
const SOURCES = [
  "api",
  "cli",
  "events",
  "functions",
  "image",
  "platform",
  "package.json",
  "package-lock.json",
];

/** Builds the image from this checkout, as `npm run image` does, and puts it on the node. Answers with its name. */
export async function provideCapfnImage(host: ControlPlaneHost, cluster: Cluster): Promise<string> {
  const name = `capfn:${version}`;
  if (cluster.node === undefined) return name;
  const archive = await imageArchive(host, name);
  host.progress("putting the image of capfn on the node, about 5 seconds");
  await cluster.node.loadArchive(archive);
  return name;
}

/** The archive of this checkout's image; the last one is kept until the sources change. */
async function imageArchive(host: ControlPlaneHost, name: string): Promise<string> {
  const hash = createHash("sha256").update(name);
  for (const file of await sourceFiles()) hash.update(file).update(await readFile(join(root, file)));
  const file = `capfn-image-${hash.digest("hex").slice(0, 16)}.tar`;
  return cached(host, join("cluster", file), async (target) => {
    const folder = join(cacheDirectory(host.environment), "cluster");
    const older = (await readdir(folder)).filter((each) => /^capfn-image-[0-9a-f]+\.tar$/.test(each));
    for (const each of older) await rm(join(folder, each));
    host.progress("building the image of capfn, about a minute");
    const script = join(root, "image", "image.ts");
    await run("env", ["-C", root, process.execPath, script, "--tag", name, "--output", target], {
      timeoutMs: 3_600_000,
    });
    await rm(target.replace(/(\.tar)?$/, ".sbom.cdx.json"), { force: true });
  });
}

async function sourceFiles(): Promise<string[]> {
  const files: string[] = [];
  for (const source of SOURCES) {
    if (source.includes(".")) files.push(source);
    else
      for (const entry of await readdir(join(root, source), { withFileTypes: true, recursive: true }))
        if (entry.isFile()) files.push(join(entry.parentPath, entry.name).slice(root.length + 1));
  }
  return files.sort();
}
