import { randomBytes } from "node:crypto";
import { watch } from "node:fs";
import { access, link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { sleep } from "#platform/process/clock.ts";
import type { Environment } from "#platform/process/environment.ts";

/** Where downloads and builds are kept between runs (XDG Base Directory specification). Everything in it can be deleted. */
export function cacheDirectory(environment: Environment): string {
  const xdg = environment.get("XDG_CACHE_HOME");
  if (xdg !== undefined && xdg !== "") return join(xdg, "capfn");
  const home = environment.get("HOME");
  if (home === undefined || home === "") {
    throw new Error("there is no cache directory: HOME and XDG_CACHE_HOME are not set; set one of them");
  }
  return join(home, ".cache", "capfn");
}

/**
 * The cached file or directory `relativePath`, made by `produce` when it is not there. `produce` writes to the path it is given;
 * that is renamed to the final one only when it is complete. Two processes do not produce the same thing at the same time: the
 * second waits for the first and takes its result.
 */
export async function cached(
  host: ControlPlaneHost,
  relativePath: string,
  produce: (target: string) => Promise<void>,
): Promise<string> {
  const path = join(cacheDirectory(host.environment), relativePath);
  if (await exists(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const release = await lock(host, `${path}.lock`, relativePath);
  try {
    if (await exists(path)) return path;
    const target = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
    try {
      await produce(target);
      await rename(target, path);
    } finally {
      await rm(target, { recursive: true, force: true });
    }
    return path;
  } finally {
    await release();
  }
}

/** Whether there is something at `path`. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

const LOCK_POLL_MS = 1_000;

/**
 * Takes the lock file, which holds the id of its owner, and returns what releases it. The lock of a process that no longer runs is
 * broken. Should two waiters break it at once, both produce the same thing and the later rename wins: wasted time, no damage.
 */
async function lock(host: ControlPlaneHost, path: string, subject: string): Promise<() => Promise<void>> {
  const own = `${path}.${process.pid}-${randomBytes(4).toString("hex")}`;
  await writeFile(own, String(process.pid));
  try {
    for (let told = false; ; told = true) {
      // link(2) creates the lock with its content in one step, or fails when it exists.
      const taken = await link(own, path).then(
        () => true,
        () => false,
      );
      if (taken) return () => rm(path, { force: true });
      const owner = Number(await readFile(path, "utf8").catch(() => ""));
      if (owner > 0 && !isRunning(owner)) await rm(path, { force: true });
      else {
        if (!told && owner > 0) host.progress(`waiting for process ${owner}, which is making ${subject}`);
        await untilChanged(host, path);
      }
    }
  } finally {
    await rm(own, { force: true });
  }
}

/** Resolves when the lock changes, or after a second: the death of its owner changes no file. */
async function untilChanged(host: ControlPlaneHost, path: string): Promise<void> {
  const changed = Promise.withResolvers<void>();
  const watcher = watch(dirname(path), () => changed.resolve());
  watcher.on("error", () => changed.resolve());
  await Promise.race([changed.promise, sleep(host.clock, LOCK_POLL_MS)]);
  watcher.close();
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, as another user.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
