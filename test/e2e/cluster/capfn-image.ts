import { join } from "node:path";
import { rm } from "node:fs/promises";
import { version } from "#cli/version.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { run } from "#test/e2e/cluster/machine/command.ts";
import type { Cluster } from "#test/e2e/cluster/machine/cluster.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** Builds the image from this checkout, as `npm run image` does, and puts it on the node. Answers with its name. */
export async function provideCapfnImage(host: ControlPlaneHost, cluster: Cluster): Promise<string> {
  const name = `capfn:${version}`;
  if (cluster.node === undefined) return name;
  host.progress("building the image of capfn, about a minute");
  const archive = join(cluster.directory, "capfn.tar");
  await run("env", [
    ...["-C", root],
    ...[process.execPath, join(root, "image", "image.ts"), "--tag", name, "--output", archive],
  ]);
  host.progress("putting it on the node, about 5 seconds");
  await cluster.node.loadArchive(archive);
  await rm(archive);
  return name;
}
