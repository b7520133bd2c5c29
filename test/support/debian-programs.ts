import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached } from "#platform/control-plane/asset-cache.ts";
import { testHost } from "#test/support/control-planes.ts";

const run = promisify(execFile);
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** An unpacked Debian package, or one sentence that says why there is none. */
export type Unpacked = { readonly root: string } | { readonly missing: string };

/** Fetches a package with apt-get and unpacks it into the cache; nothing is installed. */
export async function debianPackage(name: string): Promise<Unpacked> {
  try {
    const root = await cached(testHost(), `debian/${name}`, async (target) => {
      const download = `${target}.download`;
      await mkdir(download, { recursive: true });
      try {
        await run("apt-get", ["download", name], { cwd: download, timeout: 120_000 });
        const [file] = await readdir(download);
        if (file === undefined) throw new Error("apt-get downloaded nothing");
        await run("dpkg-deb", ["-x", join(download, file), target]);
      } finally {
        await rm(download, { recursive: true, force: true });
      }
    });
    return { root };
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : "";
    return { missing: `the Debian package ${name} cannot be had (${why}); apt-get download must work` };
  }
}

/** Runs a program of an unpacked package to its end. Throws with its output when it fails. */
export async function runProgram(root: string, program: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await run(join(root, "usr/bin", program), args, { timeout: 60_000 });
  return stdout + stderr;
}

/** Starts Debian's Prometheus, which scrapes nothing but what its configuration says. The caller kills the process. */
export function startPrometheus(
  root: string,
  options: { readonly configFile: string; readonly storage: string; readonly port: number },
): ChildProcess {
  const child = spawn(
    join(root, "usr/bin/prometheus"),
    [
      `--config.file=${options.configFile}`,
      `--storage.tsdb.path=${options.storage}`,
      `--web.listen-address=127.0.0.1:${options.port}`,
      "--log.level=error",
    ],
    { stdio: "ignore" },
  );
  children.add(child);
  child.on("close", () => children.delete(child));
  return child;
}

/** Arguments of unshare for a mount namespace of one's own. */
const ownMounts = process.getuid?.() === 0 ? ["--mount"] : ["--mount", "--map-root-user"];

/** The Alertmanager, or why none can be started: containers often may not make a mount namespace. */
export async function alertmanagerPackage(): Promise<Unpacked> {
  const unpacked = await debianPackage("prometheus-alertmanager");
  if ("missing" in unpacked) return unpacked;
  try {
    await run("unshare", [...ownMounts, "mount", "--bind", join(unpacked.root, "usr/share"), "/usr/share"]);
    return unpacked;
  } catch {
    return {
      missing: "Debian's Alertmanager needs a mount namespace of its own, which unshare was refused here",
    };
  }
}

/**
 * Starts Debian's Alertmanager. It reads its templates below /usr/share: in a mount namespace of its own it finds those of the package there.
 * The caller kills the process.
 */
export function startAlertmanager(
  root: string,
  options: { readonly configFile: string; readonly storage: string; readonly port: number },
): ChildProcess {
  const script =
    'mount --bind "$1/usr/share" /usr/share && exec "$1/usr/bin/prometheus-alertmanager" --config.file "$2" ' +
    '--storage.path "$3" --web.listen-address "127.0.0.1:$4" --cluster.listen-address=';
  const child = spawn(
    "unshare",
    [...ownMounts, "sh", "-c", script, "sh", root, options.configFile, options.storage, String(options.port)],
    { stdio: "ignore" },
  );
  children.add(child);
  child.on("close", () => children.delete(child));
  return child;
}
