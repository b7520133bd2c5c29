import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { run, succeeds } from "#test/e2e/cluster/machine/command.ts";
import { quoted, type Undo } from "#test/e2e/cluster/machine/undo.ts";
import { until } from "#test/e2e/until.ts";

/** A Docker daemon and how to reach it. */
export interface Docker {
  /** Environment of programs that use it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether it is ours and ends with the suite. */
  readonly own: boolean;
  (...args: readonly string[]): Promise<string>;
}

/** The Docker daemon of this machine, else one of ours. Throws one sentence with the mend when neither can be. */
export async function openDocker(host: ControlPlaneHost, directory: string, undo: Undo): Promise<Docker> {
  if (!(await succeeds("docker", ["--version"])))
    throw new Error(
      "Docker is not installed (Debian: apt-get install docker.io); or name a cluster with --kubeconfig",
    );
  if (await succeeds("docker", ["info"])) return dockerAt({}, false);
  if (process.getuid?.() !== 0)
    throw new Error(
      "no Docker daemon answers, and only root can start one: start Docker, run this as root, or name a cluster with --kubeconfig",
    );
  if (!existsSync("/sys/fs/cgroup/memory") && !existsSync("/sys/fs/cgroup/cgroup.controllers"))
    throw new Error(
      "no cgroups are mounted at /sys/fs/cgroup, without which no container can be limited: mount them, or name a cluster with --kubeconfig",
    );
  host.progress("starting a Docker daemon of our own, a few seconds");
  return startDocker(directory, undo);
}

function dockerAt(variables: Readonly<Record<string, string>>, own: boolean): Docker {
  return Object.assign((...args: readonly string[]) => run("docker", args, { variables }), {
    variables,
    own,
  });
}

async function startDocker(directory: string, undo: Undo): Promise<Docker> {
  const socket = `unix://${join(directory, "docker.sock")}`;
  await rememberNetwork(directory, undo);
  const configuration = join(directory, "daemon.json");
  await writeFile(
    configuration,
    JSON.stringify({
      hosts: [socket],
      // No network but kind's own.
      bridge: "none",
      "data-root": join(directory, "docker"),
      "exec-root": join(directory, "docker-run"),
      pidfile: join(directory, "docker.pid"),
      ...(await runtimes(directory)),
    }),
  );
  await mkdir(join(directory, "docker"), { recursive: true });
  undo.defer(`rm -rf ${quoted(join(directory, "docker"))} ${quoted(join(directory, "docker-run"))}`);
  const log = openSync(join(directory, "docker.log"), "a");
  const daemon = spawn("dockerd", ["--config-file", configuration], {
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let failed = false;
  daemon.once("error", () => (failed = true));
  daemon.once("exit", () => (failed = true));
  daemon.unref();
  const { pid } = daemon;
  if (pid === undefined) throw new Error("dockerd cannot be started; is the daemon of Docker installed?");
  undo.defer(
    `kill ${pid} 2> /dev/null; n=0; while kill -0 ${pid} 2> /dev/null && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done`,
  );
  const docker = dockerAt({ DOCKER_HOST: socket }, true);
  await until(
    "the Docker daemon answers",
    async () => {
      if (failed)
        throw new Error(
          `dockerd has ended; its log ends with:\n${readFileSync(join(directory, "docker.log"), "utf8").trim().split("\n").slice(-8).join("\n")}`,
        );
      return succeeds("docker", ["info"], { variables: docker.variables });
    },
    60_000,
  );
  return docker;
}

/** Kernel settings that dockerd changes, or that many containers need. */
const SYSCTLS = [
  "net/ipv4/ip_forward",
  "net/ipv4/conf/all/forwarding",
  "net/ipv4/conf/default/forwarding",
  "net/ipv6/conf/all/forwarding",
  "net/ipv6/conf/default/forwarding",
  "net/bridge/bridge-nf-call-iptables",
  "net/bridge/bridge-nf-call-ip6tables",
  "fs/inotify/max_user_instances",
];

/** Chains of the tables that dockerd writes to: a table that was not there is empty again afterwards. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
};

async function rememberNetwork(directory: string, undo: Undo): Promise<void> {
  for (const program of ["iptables", "ip6tables"]) {
    const saved = await run(`${program}-save`, []).catch(() => undefined);
    if (saved === undefined) continue;
    const file = join(directory, `${program}.saved`);
    await writeFile(file, withEmptyTables(saved));
    undo.defer(`${program}-restore < ${quoted(file)}`);
  }
  for (const name of SYSCTLS) {
    const path = `/proc/sys/${name}`;
    const before = await readFile(path, "utf8").catch(() => undefined);
    if (before !== undefined) undo.defer(`echo ${quoted(before.trim())} > ${path}`);
  }
  // Each node has some hundred watchers of files.
  await writeFile("/proc/sys/fs/inotify/max_user_instances", "1024");
}

/** What `iptables-save` said, with the tables it did not speak of as empty ones. */
export function withEmptyTables(saved: string): string {
  const missing = Object.entries(TABLES).filter(([table]) => !saved.includes(`*${table}\n`));
  const empty = missing.map(
    ([table, chains]) => `*${table}\n${chains.map((chain) => `:${chain} ACCEPT [0:0]\n`).join("")}COMMIT\n`,
  );
  return saved + empty.join("");
}

/** Bit of CAP_SYS_RESOURCE in the capability sets of /proc/<pid>/status (capabilities(7)). */
const SYS_RESOURCE = 1n << 24n;

/**
 * A privileged container asks for every capability the kernel knows, and runc fails when root itself lacks one. Then a runtime stands before it that
 * strikes that one from what is asked for: from config.json when a container is made, from process.json when a program is run in it.
 */
const BOUNDED = `#!/bin/sh
for argument; do
  case $before in
    --bundle) file=$argument/config.json ;;
    --process) file=$argument ;;
  esac
  before=$argument
done
[ -z "$file" ] || sed -i 's/,"CAP_SYS_RESOURCE"//g' "$file"
exec runc "$@"
`;

async function runtimes(directory: string): Promise<Record<string, unknown>> {
  if (!lacksSysResource(await readFile("/proc/self/status", "utf8"))) return {};
  const path = join(directory, "runc-bounded");
  await writeFile(path, BOUNDED);
  await chmod(path, 0o755);
  return { runtimes: { bounded: { path } }, "default-runtime": "bounded" };
}

/** Whether the bounding set in a /proc/<pid>/status lacks CAP_SYS_RESOURCE. */
export function lacksSysResource(status: string): boolean {
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return bounding !== undefined && (BigInt(`0x${bounding}`) & SYS_RESOURCE) === 0n;
}
