import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { buildAll, dist } from "#image/build.ts";
import { makeImage } from "#image/make-image.ts";
import { architecture } from "#image/platform.ts";
import { sourceOf } from "#image/source.ts";
import { processEnvironment } from "#platform/process/environment.ts";
import { chartPackage } from "#release/chart-package.ts";
import { clusterctlAssets } from "#release/clusterctl.ts";
import { checksums, provenance, type Released } from "#release/provenance.ts";
import manifest from "../package.json" with { type: "json" };

const root = join(import.meta.dirname, "..");

interface Flags {
  readonly output: string;
  readonly build: boolean;
  readonly allowChanges?: boolean;
  readonly imageRepository?: string;
}

async function release({ output, build, allowChanges, imageRepository: repository }: Flags): Promise<void> {
  const source = sourceOf(root, processEnvironment());
  if (source.changed && allowChanges !== true)
    throw new Error("files differ from the commit; commit them, or try it with --allow-changes");
  if (build) await buildAll();
  const { version, name } = manifest;
  const image = await makeImage({ root, dist, source, reference: `${name}:${version}` });
  const chart = join(root, "chart");
  const packaged = existsSync(join(chart, "Chart.yaml")) ? chartPackage(chart, source.time) : undefined;
  const files: Released[] = [
    { name: `${name}-${version}-linux-${architecture()}.tar`, content: image.archive },
    { name: `${name}-${version}.sbom.cdx.json`, content: Buffer.from(image.sbom) },
    ...clusterctlAssets(join(root, "manifests", "clusterctl"), {
      reference: `docker.io/library/${name}:${version}`,
      repository,
    }),
    ...(packaged === undefined ? [] : [{ name: packaged.file, content: packaged.content }]),
  ];
  const lockFile = readFileSync(join(root, "package-lock.json"));
  const platform = `linux/${architecture()}`;
  const statement = provenance({ files, source, lockFile, platform });
  files.push({ name: "provenance.intoto.json", content: json(statement) });
  files.push({ name: "SHA256SUMS", content: Buffer.from(checksums(files)) });
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  for (const { name: file, content } of files) writeFileSync(join(output, file), content);
  process.stdout.write(`${files.map((file) => join(output, file.name)).join("\n")}\nimage ${image.digest}\n`);
}

function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}

try {
  await new Command("release")
    .description(
      "Makes the files of a release: the image, its bill of materials, the chart, the manifests in one file, checksums, and how all that was made.\n" +
        "The same commit gives the same files. Nothing is published.",
    )
    .option(
      "--output <folder>",
      "where they are put; what is there is removed first",
      join("dist", "release"),
    )
    .option("--no-build", "take dist as it is instead of building it first")
    .option(
      "--image-repository <name>",
      "where the image will be pushed, e.g. registry.example.com/capfn; infrastructure-components.yaml names it",
    )
    .option("--allow-changes", "also with files that differ from the commit; the provenance says so")
    .addHelpText(
      "after",
      "\nExamples:\n  npm run release\n  (cd dist/release && sha256sum --check SHA256SUMS)",
    )
    .action((flags: Flags) => release(flags))
    .parseAsync();
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
