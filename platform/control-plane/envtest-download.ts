import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { arch, platform } from "node:os";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { parse } from "yaml";
import * as z from "zod";
import { cached } from "#platform/control-plane/asset-cache.ts";
import { download } from "#platform/control-plane/download.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { readTar } from "#platform/control-plane/tar.ts";

/** The Kubernetes minor version whose newest patch release is taken; the one the Go modules here pin. */
const KUBERNETES_MINOR = "1.35";

/** Release index of controller-tools; `CAPFN_ENVTEST_INDEX` names a mirror. */
const INDEX_URL =
  "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml";

/** Shape of the index (controller-tools, envtest-releases.yaml): release, archive name, SHA-512 and address. */
const indexSchema = z.looseObject({
  releases: z.record(
    z.string(),
    z.record(z.string(), z.looseObject({ hash: z.string(), selfLink: z.string() })),
  ),
});

/**
 * Directory with the `etcd` and `kube-apiserver` that controller-tools publishes for tests. Throws an Error that says why they
 * cannot be had; on a machine without internet it does so within 5 s.
 */
export async function envtestBinaries(host: ControlPlaneHost): Promise<string> {
  const directory = join("envtest", `${KUBERNETES_MINOR}-${platform()}-${arch()}`);
  return cached(host, directory, async (target) => {
    const indexUrl = host.environment.get("CAPFN_ENVTEST_INDEX") ?? INDEX_URL;
    const indexText = Buffer.from(await download(host, indexUrl)).toString("utf8");
    const archive = newestArchive(
      indexSchema.parse(parse(indexText, { schema: "failsafe" })),
      goArchitecture(),
    );
    host.progress(`downloading ${archive.name}, about 70 MB, once`);
    const bytes = await download(host, archive.selfLink);
    if (createHash("sha512").update(bytes).digest("hex") !== archive.hash.toLowerCase()) {
      throw new Error(
        `${archive.selfLink}: its SHA-512 is not the one in the release index; try again later`,
      );
    }
    await mkdir(target, { recursive: true });
    for (const entry of readTar(gunzipSync(bytes))) {
      const name = basename(entry.path);
      if (name === "etcd" || name === "kube-apiserver") {
        await writeFile(join(target, name), entry.content, { mode: 0o755 });
      }
    }
  });
}

/** `linux-amd64` and the like, as Go names operating systems and processors. */
export function goArchitecture(): string {
  return `${platform()}-${arch() === "x64" ? "amd64" : arch()}`;
}

function newestArchive(
  index: z.infer<typeof indexSchema>,
  architecture: string,
): { name: string; hash: string; selfLink: string } {
  const candidates = Object.entries(index.releases)
    .filter(([release]) => release.startsWith(`v${KUBERNETES_MINOR}.`) && !release.includes("-"))
    .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  for (const [release, archives] of candidates.toReversed()) {
    const name = `envtest-${release}-${architecture}.tar.gz`;
    const archive = archives[name];
    if (archive !== undefined) return { name, ...archive };
  }
  throw new Error(`the release index has no archive of Kubernetes ${KUBERNETES_MINOR} for ${architecture}`);
}
