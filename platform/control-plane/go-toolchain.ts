import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { cached, exists } from "#platform/control-plane/asset-cache.ts";
import { reasonOf } from "#platform/control-plane/download.ts";
import { goArchitecture } from "#platform/control-plane/envtest-download.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { readModule } from "#platform/control-plane/module-zip.ts";
import type { Environment } from "#platform/process/environment.ts";

/** What the go.mod files in `modules/` ask for. */
export const GO_VERSION = "1.26.8";

/** Checksums of `golang.org/toolchain v0.0.1-go<version>.<architecture>` as the checksum database records them. */
const TOOLCHAIN_SUMS: Readonly<Record<string, string>> = {
  "linux-amd64": "h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=",
  "linux-arm64": "h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=",
  "darwin-amd64": "h1:7/9KPPN8PckcA9s91hm2jmQMhzW4KyTJXHIs45L0C9M=",
  "darwin-arm64": "h1:dFjGhY6f8DTsY8/rLchUTDRRfjJP4pCrGCwxvHFT2Fg=",
};

const run = promisify(execFile);

/**
 * Path of a `go` that is new enough to build the modules here: an installed one, else Go's own toolchain module, fetched and
 * unpacked into the cache. Throws an Error that says why neither can be had.
 */
export async function findGo(host: ControlPlaneHost): Promise<string> {
  const installed = await installedGo(host.environment);
  if (installed !== undefined && isAtLeast(installed.version, GO_VERSION)) return installed.path;
  const found = installed === undefined ? "Go is not installed" : `Go ${installed.version} is too old`;
  try {
    return await fetchedGo(host);
  } catch (error) {
    const reason = error instanceof Error ? error.message : reasonOf(error);
    throw new Error(`${found} and Go ${GO_VERSION} cannot be fetched (${reason})`, { cause: error });
  }
}

async function installedGo(
  environment: Environment,
): Promise<{ readonly path: string; readonly version: string } | undefined> {
  const directories = (environment.get("PATH") ?? "")
    .split(delimiter)
    .filter((directory) => directory !== "");
  for (const directory of directories) {
    const path = join(directory, "go");
    if (!(await exists(path))) continue;
    const version = await run(path, ["env", "GOVERSION"], {
      env: { GOTOOLCHAIN: "local", HOME: environment.get("HOME") ?? "/", PATH: directories.join(delimiter) },
    }).then(
      ({ stdout }) => /^go(\d+\.\d+(\.\d+)?)/.exec(stdout)?.[1],
      () => undefined,
    );
    if (version !== undefined) return { path, version };
  }
  return undefined;
}

/** The toolchain as the go command itself would fetch it (Go toolchains, "golang.org/toolchain" module). */
async function fetchedGo(host: ControlPlaneHost): Promise<string> {
  const architecture = goArchitecture();
  const sum = TOOLCHAIN_SUMS[architecture];
  if (sum === undefined) throw new Error(`no checksum of a toolchain for ${architecture} is known here`);
  const root = await cached(host, join("go", `${GO_VERSION}-${architecture}`), async (target) => {
    host.progress(`fetching Go ${GO_VERSION}, about 70 MB, once`);
    const made = new Set<string>();
    const version = `v0.0.1-go${GO_VERSION}.${architecture}`;
    await readModule(host, { path: "golang.org/toolchain", version, sum }, async (path, content) => {
      // A module zip must not contain a go.mod below its root, so the toolchain's are stored under another name.
      const file = join(target, path.replace(/(^|\/)_go\.mod$/, "$1go.mod"));
      const directory = dirname(file);
      if (!made.has(directory)) await mkdir(directory, { recursive: true });
      made.add(directory);
      const executable = path.startsWith("bin/") || path.startsWith("pkg/tool/");
      await writeFile(file, content, { mode: executable ? 0o755 : 0o644 });
    });
  });
  return join(root, "bin", "go");
}

/** Numeric comparison of dotted versions; missing parts count as zero. */
function isAtLeast(version: string, minimum: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [index, wanted] of minimum.split(".").map(Number).entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
