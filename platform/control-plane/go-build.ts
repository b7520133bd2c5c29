import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { findGo } from "#platform/control-plane/go-toolchain.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { lastLogLines, startSupervised } from "#platform/control-plane/supervised-process.ts";
import type { Environment } from "#platform/process/environment.ts";

/** A program that is built from one of the Go modules in `modules/`. */
export interface GoProgram {
  /** Name in messages. */
  readonly name: string;
  /** Folder below `modules/`, or an absolute path. */
  readonly module: string;
  /** Package as `go build` takes it. */
  readonly package: string;
  /** String variables to set at link time, by their full names, e.g. the version that the program reports. */
  readonly linkVariables?: Readonly<Record<string, string>>;
  /** Said while it is built, e.g. "about 3 minutes". On a 2-core machine with nothing cached. */
  readonly duration: string;
}

/** Folder of a Go module that pins what is built from it. */
export function modulePath(module: string): string {
  return resolve(dirname(fileURLToPath(import.meta.url)), "modules", module);
}

/** What the go command may learn from the environment: where its caches are and how to reach module proxies. */
const GO_VARIABLES = [
  "HOME PATH XDG_CACHE_HOME XDG_CONFIG_HOME GOPATH GOMODCACHE GOCACHE",
  "GOPROXY GONOPROXY GOSUMDB GONOSUMDB GOPRIVATE GOINSECURE GOAUTH NETRC",
  "HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR",
].flatMap((names) => names.split(" "));

/**
 * Builds a program into `target`. The build dies with this process and leaves no files then. Throws an Error with the end of the
 * compiler's output, or one that says why there is no Go.
 */
export async function buildGoProgram(
  host: ControlPlaneHost,
  program: GoProgram,
  target: string,
): Promise<void> {
  const go = await findGo(host);
  const variables = Object.entries(program.linkVariables ?? {}).map(([name, value]) => `-X=${name}=${value}`);
  host.progress(`building ${program.name} from Go modules, ${program.duration}, once`);
  // Beside the target: a rename does not cross file systems, and a compiler's scratch files may be too many for /tmp.
  const directory = `${target}.build`;
  await mkdir(directory, { recursive: true });
  try {
    const output = join(directory, "program");
    const build = startSupervised({
      name: `go build of ${program.name}`,
      command: go,
      args: [
        "build",
        "-trimpath",
        `-ldflags=${["-s", "-w", ...variables].join(" ")}`,
        "-o",
        output,
        program.package,
      ],
      workingDirectory: modulePath(program.module),
      variables: goVariables(host.environment, directory),
      directory,
      logPath: join(directory, "build.log"),
      clock: host.clock,
    });
    const code = await build.exited;
    if (code !== 0) throw new Error(`go build ended with code ${code}:\n${lastLogLines(build)}`);
    await rename(output, target);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function goVariables(environment: Environment, directory: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of GO_VARIABLES) {
    const value = environment.get(name);
    if (value !== undefined) variables[name] = value;
  }
  return {
    ...variables,
    CGO_ENABLED: "0",
    GOFLAGS: "-buildvcs=false -mod=readonly",
    GOTMPDIR: directory,
    GOTOOLCHAIN: "local",
    GOWORK: "off",
  };
}
