import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { version } from "#cli/version.ts";
import { VERSION_HEADER } from "#events/transport/function-server.ts";
import { freePort } from "#platform/control-plane/free-ports.ts";
import { APP, COMPILE_CACHE } from "#image/run-config.ts";

type Started = ChildProcessByStdio<null, null, Readable>;

/** A folder that is the whole file system of what runs in it. */
export interface Root {
  readonly folder: string;
  /** Starts the Node that is in it, with the compile cache that is in it. */
  start(args: readonly string[]): Started;
  /** The same until it has ended. Throws, with what it said, unless it ended well. */
  run(args: readonly string[]): Promise<void>;
}

/** The folder by `chroot`, for which this process is privileged or may have a user namespace of its own. */
export function rootAt(folder: string): Root {
  const privileged = process.getuid?.() === 0;
  const [command, ...before] = [...(privileged ? [] : ["unshare", "--map-root-user"]), "chroot", folder];
  const env = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    NODE_COMPILE_CACHE: `/${COMPILE_CACHE}`,
    NODE_COMPILE_CACHE_PORTABLE: "1",
  };
  const start = (args: readonly string[]): Started =>
    spawn(command, [...before, "/usr/local/bin/node", ...args], { env, stdio: ["ignore", "ignore", "pipe"] });
  return { folder, start, run: (args) => ended(start(args), args) };
}

async function ended(process: Started, args: readonly string[]): Promise<void> {
  let said = "";
  process.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [code]: unknown[] = await once(process, "close");
  if (code !== 0) throw new Error(`node ${args.join(" ")} ended with ${String(code)}: ${said.slice(-2_000)}`);
}

/** Nobody listens there: the event of the warm-up calls no API server. */
const KUBECONFIG = {
  apiVersion: "v1",
  kind: "Config",
  "current-context": "warm-up",
  contexts: [{ name: "warm-up", context: { cluster: "warm-up", user: "warm-up" } }],
  clusters: [{ name: "warm-up", cluster: { server: "https://127.0.0.1:9" } }],
  users: [{ name: "warm-up", user: { token: "none" } }],
};

/** Serves one event with a function's bundle, as its first pod would, and ends it as a pod is ended, so that Node writes what it has compiled. */
export async function serveOnce(root: Root, flags: readonly string[], name: string): Promise<void> {
  const address = `127.0.0.1:${await freePort()}`;
  const kubeconfig = "/tmp/kubeconfig";
  writeFileSync(join(root.folder, kubeconfig), JSON.stringify(KUBECONFIG));
  const args = [`/${APP}/functions/${name}.mjs`, "--kubeconfig", kubeconfig, "--bind-address", address];
  const served = root.start([...flags, ...args]);
  const end = ended(served, args);
  const listening = new Promise<void>((resolve) => {
    served.stderr.on("data", (chunk: Buffer) => {
      if (chunk.includes("functions are served")) resolve();
    });
  });
  await Promise.race([listening, end]);
  const answer = await fetch(`http://${address}/${name}`, {
    method: "POST",
    headers: eventHeaders(name),
    body: "{}",
  });
  await answer.text();
  served.kill("SIGTERM");
  await end;
  if (!answer.ok) throw new Error(`${name}: answered the event of the warm-up with ${answer.status}`);
}

function eventHeaders(name: string): Record<string, string> {
  return {
    "content-type": "application/json",
    "capfn-deadline-ms": "1000",
    [VERSION_HEADER]: version,
    "ce-specversion": "1.0",
    "ce-id": `${name}/1.1`,
    "ce-type": "dev.capfn.machine.changed",
    "ce-source": "/clusters/warm-up",
    "ce-time": "2026-01-01T00:00:00.000Z",
    "ce-causationid": "warm-up/1",
    "ce-function": name,
    "ce-attempt": "1.1",
  };
}
