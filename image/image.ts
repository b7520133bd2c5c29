import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { buildAll, dist } from "#image/build.ts";
import { imageLayers } from "#image/layers.ts";
import { makeImage } from "#image/make-image.ts";
import { architecture } from "#image/platform.ts";
import { sourceOf } from "#image/source.ts";
import { layOut } from "#image/tree-on-disk.ts";
import { processEnvironment } from "#platform/process/environment.ts";
import manifest from "../package.json" with { type: "json" };

const root = join(import.meta.dirname, "..");
const platform = `linux/${architecture()}`;

interface Flags {
  readonly tag: string;
  readonly output: string;
  readonly platform: string;
  readonly tree?: string;
  readonly build: boolean;
}

async function image(flags: Flags): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);

  if (flags.platform !== platform)
    throw new Error(
      `--platform: this machine makes ${platform} only, because the compile cache is made by running it; for others use image/Dockerfile with docker buildx`,
    );
  if (!/^[a-z0-9][a-z0-9._/-]*:[\w][\w.-]*$/.test(flags.tag))
    throw new Error(
      `--tag: "${flags.tag}" is no <name>:<tag> in small letters, e.g. capfn:${manifest.version}`,
    );
  const source = sourceOf(root, processEnvironment());
  if (flags.build) {
    say("building dist");
    await buildAll();
  }
  say("laying out the file system and warming its compile cache");
  if (flags.tree !== undefined) {
    const { layers } = await imageLayers(root, dist, source.time);
    for (const members of layers) layOut(resolve(flags.tree), members);
    return;
  }
  const { archive, digest, sbom } = await makeImage({ root, dist, source, reference: flags.tag });
  mkdirSync(dirname(resolve(flags.output)), { recursive: true });
  writeFileSync(flags.output, archive);
  writeFileSync(flags.output.replace(/(\.tar)?$/, ".sbom.cdx.json"), sbom);
  process.stdout.write(`${flags.output}  ${flags.tag}  ${platform}  ${digest}\n`);
}

const defaultOutput = join("dist", "image", `capfn-${manifest.version}-${platform.replace("/", "-")}.tar`);

try {
  await new Command("image")
    .description(
      "Makes the image as one file, without Docker and without a registry: Node, the libraries it needs, the built program, a warm compile cache,\n" +
        "a bill of materials. It runs as user 65532 on a read-only root. The same source gives the same digest.",
    )
    .option("--tag <name:tag>", "what the image is called", `capfn:${manifest.version}`)
    .option("--output <path>", "the archive; the bill of materials is put beside it", defaultOutput)
    .option("--platform <os/arch>", "only that of this machine can be made", platform)
    .option("--tree <folder>", "lay the file system out in this folder instead, as image/Dockerfile does")
    .option("--no-build", "take dist as it is instead of building it first")
    .addHelpText(
      "after",
      "\nNeeds Linux with glibc, ldd, npm, and chroot: as root, or as anybody where user namespaces are allowed.\n" +
        "\nExamples:\n  npm run image\n  npm run image -- --tag capfn:test --output capfn.tar\n" +
        "\nThen one of:\n  docker load -i capfn.tar\n  ctr -n k8s.io images import capfn.tar\n  kind load image-archive capfn.tar",
    )
    .action((flags: Flags) => image(flags))
    .parseAsync();
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
