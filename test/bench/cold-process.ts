import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { freePort } from "#platform/control-plane/free-ports.ts";

/** What one process took from its start to the answer to its first event. */
export interface ColdStart {
  /** From just before the start until it says that it listens, ms. */
  readonly listeningMs: number;
  /** From just before the start until the first event is answered, ms. */
  readonly handledMs: number;
  /** CPU of all its threads until then, ms. */
  readonly cpuMs: number;
  /** Resident memory then, MB (10^6 bytes). */
  readonly residentMb: number;
}

export interface ColdProgram {
  readonly path: string;
  readonly flags: readonly string[];
  /** Folder of the compile cache; none is used when left out. */
  readonly cache?: string | undefined;
  readonly event: {
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

/** Starts a program, sends it an event as soon as it listens, and ends it. Throws, with what it said, when it does not answer 200. */
export async function coldStart({ path, flags, cache, event }: ColdProgram): Promise<ColdStart> {
  const port = await freePort();
  const env = cache === undefined ? {} : { NODE_COMPILE_CACHE: cache, NODE_COMPILE_CACHE_PORTABLE: "1" };
  const args = [path, ...flags, "--bind-address", `127.0.0.1:${port}`];
  const startedAt = performance.now();
  const process_ = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(process_, "exit");
  let said = "";
  try {
    await new Promise<void>((resolve, reject) => {
      process_.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes("served")) resolve();
      });
      void exited.then(() => reject(new Error("it ended before it listened")));
    });
    const listeningMs = performance.now() - startedAt;
    const { status, text } = await post(port, event);
    const handledMs = performance.now() - startedAt;
    if (status !== 200) throw new Error(`HTTP ${status}: ${text}`);
    const pid = process_.pid ?? 0;
    return { listeningMs, handledMs, cpuMs: cpuOf(pid), residentMb: residentOf(pid) };
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : ""}\n${said.slice(-1_000)}`, {
      cause: error,
    });
  } finally {
    process_.kill("SIGTERM");
    await exited;
  }
}

/** Over a connection of its own: one that is kept would keep the process from ending. */
function post(
  port: number,
  { path, headers, body }: ColdProgram["event"],
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, method: "POST", headers, agent: false };
    const asked = request(options, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Time on a core of all threads, which the kernel counts in ns; the counters of the process itself go in steps of 10 ms. */
function cpuOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((id) =>
    Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]),
  );
  return ns.reduce((sum, each) => sum + each, 0) / 1e6;
}

function residentOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
}
