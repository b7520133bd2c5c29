import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { download, reasonOf } from "#platform/control-plane/download.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import type { Environment } from "#platform/process/environment.ts";

/** One version of one Go module, with the checksum that go.sum and the checksum database know it by. */
export interface GoModule {
  readonly path: string;
  readonly version: string;
  /** `h1:` and the base64 of the SHA-256 over the digests of all its files (Go modules reference, "go.sum files"). */
  readonly sum: string;
}

/** Decompressed bytes held at a time; a Go toolchain is 250 MB in 15,000 files. */
const BATCH_BYTES = 32 * 1024 * 1024;

/**
 * Hands every file of a Go module to `take`, by its path in the module, and throws when they are not the files its checksum is
 * of: what was taken must then not be used. The zip comes from Go's module cache on this machine, else from a module proxy; no Go
 * is needed. `take` decides quickly whether it wants a file by its path, so that nothing is held for nothing.
 */
export async function readModule(
  host: ControlPlaneHost,
  module: GoModule,
  take: (path: string, content: Uint8Array) => Promise<void> | void,
): Promise<void> {
  const zip = await moduleZip(host, module);
  const prefix = `${module.path}@${module.version}/`;
  const digests: string[] = [];
  for (let next = 0, total = 1; next < total;) {
    let index = 0;
    let held = 0;
    const first = next;
    const batch = unzipSync(zip, {
      filter: (file) => {
        const wanted = index >= first && held < BATCH_BYTES && index === next;
        index += 1;
        if (!wanted) return false;
        next += 1;
        held += file.originalSize;
        return true;
      },
    });
    total = index;
    for (const [name, content] of Object.entries(batch)) {
      digests.push(`${createHash("sha256").update(content).digest("hex")}  ${name}\n`);
      if (name.startsWith(prefix)) await take(name.slice(prefix.length), content);
    }
  }
  const sum = hashOfDigests(digests);
  if (sum !== module.sum) {
    throw new Error(
      `Go module ${module.path} ${module.version} has the checksum ${sum} instead of ${module.sum}; check what GOPROXY points to`,
    );
  }
}

/** Go's "Hash1": the digests ordered by file name, bytewise. */
function hashOfDigests(digests: readonly string[]): string {
  const byName = digests
    .map((line) => ({ line, name: Buffer.from(line.slice(66)) }))
    .sort((a, b) => Buffer.compare(a.name, b.name));
  const hash = createHash("sha256");
  for (const { line } of byName) hash.update(line);
  return `h1:${hash.digest("base64")}`;
}

async function moduleZip(host: ControlPlaneHost, module: GoModule): Promise<Uint8Array> {
  const location = `${escaped(module.path)}/@v/${escaped(module.version)}.zip`;
  const onDisk = goModuleCache(host.environment);
  if (onDisk !== undefined) {
    const zip = await readFile(join(onDisk, "cache", "download", location)).catch(() => undefined);
    if (zip !== undefined) return zip;
  }
  const failures: string[] = [];
  for (const proxy of moduleProxies(host.environment)) {
    try {
      return await download(host, `${proxy.replace(/\/$/, "")}/${location}`);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : reasonOf(error));
    }
  }
  throw new Error(
    failures.length === 0
      ? `GOPROXY names no module proxy to fetch ${module.path} ${module.version} from; set it to the URL of one`
      : failures.join("; "),
  );
}

/** The proxies of `GOPROXY` that a plain client can ask (Go modules reference, "GOPROXY"): `direct` needs version control. */
function moduleProxies(environment: Environment): string[] {
  const list = environment.get("GOPROXY") ?? "";
  return (list === "" ? "https://proxy.golang.org" : list)
    .split(/[,|]/)
    .map((proxy) => proxy.trim())
    .filter((proxy) => /^(https?|file):\/\//.test(proxy));
}

function goModuleCache(environment: Environment): string | undefined {
  const explicit = environment.get("GOMODCACHE");
  if (explicit !== undefined && explicit !== "") return explicit;
  const goPath = environment.get("GOPATH")?.split(":")[0];
  if (goPath !== undefined && goPath !== "") return join(goPath, "pkg", "mod");
  const home = environment.get("HOME");
  return home === undefined || home === "" ? undefined : join(home, "go", "pkg", "mod");
}

/** Upper case letters become `!` and the lower case letter, for file systems that ignore case (Go modules reference). */
function escaped(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}
