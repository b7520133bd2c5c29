import { execFile, spawn, type ChildProcess } from "node:child_process";
import { chmod, chown, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createHash, randomInt } from "node:crypto";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { sleep, systemClock } from "#platform/process/clock.ts";
import { parseHostKeys } from "#platform/ssh/host-keys.ts";
import type { SshTarget } from "#platform/ssh/connect.ts";
import { debianPackage } from "#test/support/debian-programs.ts";

const run = promisify(execFile);
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** The one user of a test's sshd. */
export const sshUser = "capfn";

/** Who sshd and its commands run as: never root. */
const account =
  process.getuid?.() === 0
    ? { uid: 1000, gid: 1000 }
    : { uid: process.getuid?.() ?? 1000, gid: process.getgid?.() ?? 1000 };

export interface SshServerOptions {
  /** Loopback address; a random one when left out. */
  readonly address?: string;
  /** A free one when left out. */
  readonly port?: number;
  /** The key that lets in, e.g. that of another server; one of its own when left out. */
  readonly privateKey?: string;
  /** Options before the key in authorized_keys, e.g. `restrict`. */
  readonly keyOptions?: string;
  /** Further lines of sshd_config, e.g. `AllowTcpForwarding no`. */
  readonly config?: readonly string[];
  /** Runs for whatever command is asked for, which it finds in SSH_ORIGINAL_COMMAND (`command=` in authorized_keys). */
  readonly forcedCommand?: string;
  /** Whether `sudo -n` runs what it is asked for. It is played: what it runs, runs as the same user. */
  readonly sudo?: "allowed" | "refused";
  /** Programs that come first on the PATH of commands: name and shell script. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Type of its host key; `ed25519` when left out. */
  readonly hostKey?: "ed25519" | "rsa" | "ecdsa";
}

/** A real sshd of Debian, as the only thing that runs on its address. */
export interface SshServer extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** What lets us in. */
  readonly privateKey: string;
  /** Lines of known_hosts with its key, for this address and port, or for any host. */
  readonly knownHosts: string;
  readonly anyHost: string;
  /** What `ssh-keygen -l` calls its key: `SHA256:...`. */
  readonly fingerprint: string;
  /** Home directory of the user. */
  readonly home: string;
  /** All that is needed to log in. */
  target(changes?: Partial<SshTarget>): SshTarget;
  /** What sshd logged so far, at level DEBUG1. */
  log(): string;
  /** Starts it anew with another host key, as a machine that was made anew under the same address. */
  changeHostKey(): Promise<void>;
  /** Kills it, and with it every connection. */
  stop(): Promise<void>;
}

const PACKAGES = ["openssh-server", "openssh-client", "libwrap0", "libnss-wrapper"];

/** Where sshd of Debian and what it needs lie unpacked, or one sentence that says why there is none. */
export async function sshPackages(): Promise<{ roots: readonly string[] } | { missing: string }> {
  const roots: string[] = [];
  for (const name of PACKAGES) {
    const unpacked = await debianPackage(name);
    if ("missing" in unpacked) {
      console.warn(`not tested with a real sshd: ${unpacked.missing}`);
      return unpacked;
    }
    roots.push(unpacked.root);
  }
  return { roots };
}

/** Starts a real sshd with one user, one key that lets in, and no privileges of any kind. */
export async function startSshServer(options: SshServerOptions = {}): Promise<SshServer> {
  const packages = await sshPackages();
  if ("missing" in packages) throw new Error(packages.missing);
  const directory = await mkdtemp(join(tmpdir(), "capfn-sshd-"));
  const address = options.address ?? `127.${randomInt(16, 250)}.${randomInt(1, 250)}.${randomInt(2, 250)}`;
  const port = options.port ?? (await freePort(address));
  const home = join(directory, "home");
  const own = async (path: string) => {
    if (process.getuid?.() === 0) await chown(path, account.uid, account.gid);
  };
  const write = async (name: string, text: string, mode = 0o600) => {
    await writeFile(join(directory, name), text, { mode });
    await chmod(join(directory, name), mode);
    await own(join(directory, name));
  };
  const makeKey = async (name: string, type: string) => {
    await rm(join(directory, name), { force: true });
    await run(join(directory, "ssh-keygen"), [
      "-q",
      "-t",
      type,
      "-N",
      "",
      "-C",
      "",
      "-f",
      join(directory, name),
    ]);
    await own(join(directory, name));
    const publicKey = (await readFile(join(directory, `${name}.pub`), "utf8")).trim();
    return { privateKey: await readFile(join(directory, name), "utf8"), publicKey };
  };

  const userKey = async (privateKey: string | undefined) => {
    if (privateKey === undefined) return makeKey("user", "ed25519");
    await write("user", privateKey);
    const { stdout } = await run(join(directory, "ssh-keygen"), ["-y", "-f", join(directory, "user")]);
    return { privateKey, publicKey: stdout.trim() };
  };

  await copyPrograms(packages.roots, directory);
  for (const folder of [directory, home, join(directory, "bin")]) {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    await own(folder);
  }
  const user = await userKey(options.privateKey);
  let host = await makeKey("host", options.hostKey ?? "ed25519");
  const keyOptions = [
    ...(options.forcedCommand === undefined ? [] : [`command=${JSON.stringify(options.forcedCommand)}`]),
    ...(options.keyOptions === undefined ? [] : [options.keyOptions]),
  ].join(",");
  await write("authorized_keys", `${keyOptions === "" ? "" : `${keyOptions} `}${user.publicKey}\n`);
  await write("passwd", `${sshUser}:x:${account.uid}:${account.gid}::${home}:/bin/sh\n`, 0o644);
  await write("group", `${sshUser}:x:${account.gid}:\n`, 0o644);
  await write("bin/sudo", playedSudo(options.sudo ?? "allowed"), 0o755);
  for (const [name, script] of Object.entries(options.programs ?? {}))
    await write(`bin/${name}`, script, 0o755);
  await write("sshd_config", configuration({ directory, address, port }, options.config ?? []));

  let child: ChildProcess | undefined;
  let log = "";
  const start = async () => {
    const spawned = spawn(join(directory, "sshd"), ["-D", "-e", "-f", join(directory, "sshd_config")], {
      ...(process.getuid?.() === 0 && account),
      cwd: directory,
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        LD_LIBRARY_PATH: directory,
        LD_PRELOAD: join(directory, "libnss_wrapper.so"),
        NSS_WRAPPER_PASSWD: join(directory, "passwd"),
        NSS_WRAPPER_GROUP: join(directory, "group"),
      },
    });
    child = spawned;
    children.add(spawned);
    spawned.stderr.on("data", (chunk: Buffer) => (log += chunk.toString("utf8")));
    await untilServing({ address, port }, spawned, () => log);
  };
  const stop = async () => {
    const stopped = child;
    child = undefined;
    if (stopped === undefined || stopped.exitCode !== null) return;
    children.delete(stopped);
    const ended = new Promise((resolve) => stopped.once("exit", resolve));
    // Those that serve connections are in process groups of their own.
    for (const pid of await descendants(stopped.pid ?? 0)) kill(pid);
    stopped.kill("SIGKILL");
    await ended;
  };
  await start();

  const knownHosts = () => `[${address}]:${port} ${host.publicKey}`;
  const server: SshServer = {
    address,
    port,
    home,
    privateKey: user.privateKey,
    get knownHosts() {
      return knownHosts();
    },
    get anyHost() {
      return `* ${host.publicKey}`;
    },
    get fingerprint() {
      return fingerprintOf(host.publicKey);
    },
    target: (changes = {}) => {
      const hostKeys = parseHostKeys(knownHosts());
      if (typeof hostKeys === "string") throw new Error(hostKeys);
      return { host: address, port, username: sshUser, privateKey: user.privateKey, hostKeys, ...changes };
    },
    log: () => log,
    changeHostKey: async () => {
      await stop();
      host = await makeKey("host", options.hostKey ?? "ed25519");
      log = "";
      await start();
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return server;
}

/** A port that takes connections and never says a word. */
export async function startSilentServer(): Promise<AsyncDisposable & { address: string; port: number }> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function configuration(
  { directory, address, port }: { directory: string; address: string; port: number },
  more: readonly string[],
): string {
  return [
    `ListenAddress ${address}:${port}`,
    `HostKey ${join(directory, "host")}`,
    `AuthorizedKeysFile ${join(directory, "authorized_keys")}`,
    `SetEnv PATH=${join(directory, "bin")}:/usr/bin:/bin`,
    "PidFile none",
    "UsePAM no",
    // Its directories lie below one that all may write to.
    "StrictModes no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "LogLevel DEBUG1",
    ...more,
    "",
  ].join("\n");
}

/** Says what sudo says; the password prompt that -n forbids included. */
function playedSudo(kind: "allowed" | "refused"): string {
  if (kind === "refused") return '#!/bin/sh\necho "sudo: a password is required" >&2\nexit 1\n';
  return '#!/bin/sh\n[ "$1" = -n ] && shift\n[ "$1" = -- ] && shift\nexec "$@"\n';
}

const PROGRAMS = new Set(["sshd", "ssh-keygen"]);

/** The user that sshd runs as may not read the cache of packages. */
async function copyPrograms(roots: readonly string[], directory: string): Promise<void> {
  for (const root of roots) {
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const wanted = PROGRAMS.has(entry.name)
        ? /\/s?bin$/.test(entry.parentPath)
        : /\.so(\.\d+)?$/.test(entry.name);
      if (!wanted || entry.isDirectory()) continue;
      const target = join(directory, entry.name);
      await copyFile(join(entry.parentPath, entry.name), target);
      await chmod(target, 0o755);
    }
  }
}

function fingerprintOf(publicKey: string): string {
  const blob = Buffer.from(publicKey.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

async function freePort(address: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilServing(
  { address, port }: { address: string; port: number },
  child: ChildProcess,
  log: () => string,
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, address);
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => resolve(false));
      setTimeout(() => socket.destroy(), 2_000).unref();
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    if (child.exitCode !== null || tries > 200) throw new Error(`sshd does not serve: ${log().slice(-2000)}`);
    await sleep(systemClock(), 50);
  }
}

async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const own = text
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
  return [...own, ...(await Promise.all(own.map(descendants))).flat()];
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
