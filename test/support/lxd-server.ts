import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "#platform/control-plane/free-ports.ts";
import { sleep, systemClock } from "#platform/process/clock.ts";
import { debianPackage } from "#test/support/debian-programs.ts";

const clock = systemClock();
/** The daemon, and what it does not start without. Nothing of it is installed, and no container is ever made. */
const PACKAGES = [
  "lxd",
  "libdqlite0",
  "libraft2",
  "liblxc1",
  "liblxc-common",
  "rsync",
  "libpopt0",
  "attr",
  "squashfs-tools",
];
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A real LXD daemon: Debian's, with a database and a trust store of its own. */
export interface TestLxd extends AsyncDisposable {
  /** `https://127.0.0.1:<port>` */
  readonly url: string;
  /** What it serves with; PEM. */
  readonly serverCertPem: string;
  /** A call of its REST API as root of its own machine; the answer's `metadata`. */
  call(method: string, path: string, body?: object): Promise<unknown>;
  /** Adds a client certificate (PEM) to the trust store. */
  trust(certPem: string, over?: object): Promise<void>;
  /** Fingerprints in the trust store, sorted. */
  trusted(): Promise<string[]>;
}

/** Where its program is, or one sentence why there is none. Only root can run it. */
export async function lxdHere(): Promise<
  { readonly roots: readonly string[] } | { readonly missing: string }
> {
  if (process.getuid?.() !== 0) return { missing: "the LXD daemon runs as root only" };
  const roots: string[] = [];
  for (const name of PACKAGES) {
    const unpacked = await debianPackage(name);
    if ("missing" in unpacked) return unpacked;
    roots.push(unpacked.root);
  }
  return { roots };
}

/** Starts a daemon with an empty trust store. */
export async function startLxd(roots: readonly string[]): Promise<TestLxd> {
  const directory = await mkdtemp(join(tmpdir(), "capfn-lxd-"));
  const port = await freePort();
  const libraries = roots.flatMap((root) => [
    join(root, "usr/lib/x86_64-linux-gnu"),
    join(root, "usr/lib/aarch64-linux-gnu"),
  ]);
  const programs = roots.flatMap((root) => [
    join(root, "usr/bin"),
    join(root, "usr/sbin"),
    join(root, "bin"),
  ]);
  let output = "";
  const child = spawn(join(roots[0] ?? "", "usr/bin/lxd"), ["--group", "root"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      LXD_DIR: directory,
      LD_LIBRARY_PATH: libraries.join(":"),
      PATH: [...programs, process.env["PATH"] ?? ""].join(":"),
    },
  });
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => void (output += String(chunk)));
  const call = (method: string, path: string, body?: object) =>
    ask(join(directory, "unix.socket"), { method, path, body });
  const dispose = async () => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(kill);
    running.delete(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const until = clock.monotonic() + 60_000;
    while ((await call("GET", "/1.0").catch(() => undefined)) === undefined) {
      if (child.exitCode !== null || clock.monotonic() > until)
        throw new Error(`lxd does not serve: ${output.slice(-600)}`);
      await sleep(clock, 200);
    }
    await call("PATCH", "/1.0", { config: { "core.https_address": `127.0.0.1:${port}` } });
    const serverCertPem = await readFile(join(directory, "server.crt"), "utf8");
    return {
      url: `https://127.0.0.1:${port}`,
      serverCertPem,
      call,
      trust: async (certPem, over = {}) => {
        const certificate = certPem.replaceAll(/-----[^-]+-----|\s/g, "");
        await call("POST", "/1.0/certificates", { certificate, name: "capfn", type: "client", ...over });
      },
      trusted: async () =>
        ((await call("GET", "/1.0/certificates")) as string[])
          .map((path) => path.split("/").at(-1) ?? "")
          .toSorted(),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function ask(
  socketPath: string,
  { method, path, body }: { method: string; path: string; body: object | undefined },
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const outgoing = request(
    { socketPath, method, path, headers: { "content-type": "application/json" } },
    (response) => {
      let text = "";
      response.on("data", (chunk) => void (text += String(chunk)));
      response.on("end", () => {
        const answer = JSON.parse(text) as { error?: string; metadata?: unknown };
        if ((response.statusCode ?? 0) < 300) resolve(answer.metadata ?? {});
        else reject(new Error(`${method} ${path}: ${answer.error ?? ""}`));
      });
    },
  );
  outgoing.once("error", reject);
  outgoing.end(body === undefined ? "" : JSON.stringify(body));
  return promise;
}
