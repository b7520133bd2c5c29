import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "rolldown";
import { freePorts } from "#platform/control-plane/free-ports.ts";
import { lastLogLines, startSupervised } from "#platform/control-plane/supervised-process.ts";
import { type Clock, sleep } from "#platform/process/clock.ts";
import { dist } from "#image/build.ts";
import { programBundle } from "#image/bundles.ts";
import manifest from "../../package.json" with { type: "json" };
import { parseMetrics, type Scrape } from "#test/bench/scrape.ts";

/** `capfn run` as a process of its own, so that memory and CPU are the product's alone. */
export interface OperatorProcess extends AsyncDisposable {
  /** From the start of the process to ready, ms. */
  readonly readyAfterMs: number;
  scrape(): Promise<Scrape>;
  /** Resident memory, the part of it that is no mapped file, and the peak, MB (10^6 bytes). */
  memory(): Promise<{ resident: number; anonymous: number; peak: number }>;
  /** CPU used so far, ms. Counted by the kernel in steps of 10 ms. */
  cpuMs(): Promise<number>;
  /** Ends it as a pod is ended: SIGTERM, some grace. */
  stop(): Promise<void>;
  /** Ends it as a crash does: SIGKILL. */
  crash(): Promise<void>;
}

const READY_WITHIN_MS = 60_000;
const TICK_MS = 10;

/** What is started, and how. */
export interface Start {
  /** `built`: what `npm run build` makes, as `npm start` starts it. `sources`: the TypeScript of this clone, Node as it comes. */
  readonly program: "built" | "sources";
  /** Further flags of `capfn run`. */
  readonly arguments?: readonly string[];
}

const root = join(import.meta.dirname, "..", "..");

/** Node's flags and the script, as the script `start` of package.json has them. */
const shipped = startCommand(manifest.scripts.start);

function startCommand(script: string): { readonly flags: readonly string[]; readonly path: string } {
  const [node, ...words] = script.split(" ");
  const path = words.find((word) => word.endsWith(".mjs"));
  if (node !== "node" || path === undefined)
    throw new Error(`npm start is no longer "node ... .mjs run": ${script}`);
  return { flags: words.slice(0, words.indexOf(path)), path: join(root, path) };
}

/** Makes what `built` starts. */
export async function buildProgram(): Promise<void> {
  await build(programBundle(dist));
}

/** Starts `capfn run` and resolves when it is ready. Throws, with the end of its log, when it does not get there. */
export async function startOperatorProcess(
  kubeconfig: string,
  clock: Clock,
  { program, arguments: further = [] }: Start = { program: "built" },
): Promise<OperatorProcess> {
  const directory = await mkdtemp(join(tmpdir(), "capfn-bench-"));
  const kubeconfigPath = join(directory, "kubeconfig");
  await writeFile(kubeconfigPath, kubeconfig, { mode: 0o600 });
  const [metricsPort, healthPort] = await freePorts(2);
  const startedAt = clock.monotonic();
  const process_ = startSupervised({
    name: "capfn run",
    command: process.execPath,
    args: [
      ...(program === "built" ? [...shipped.flags, shipped.path] : [join(root, "cli", "capfn.ts")]),
      "run",
      `--kubeconfig=${kubeconfigPath}`,
      "--log-level=warn",
      ...further,
      `--metrics-bind-address=127.0.0.1:${metricsPort}`,
      `--health-probe-bind-address=127.0.0.1:${healthPort}`,
    ],
    directory,
    logPath: join(directory, "capfn.log"),
    clock,
  });
  const stop = async (graceMs = 15_000): Promise<void> => {
    await process_.stop(graceMs);
    await rm(directory, { recursive: true, force: true });
  };
  let ended = false;
  void process_.exited.then(() => (ended = true));
  while (!(await isReady(healthPort ?? 0))) {
    if (ended || clock.monotonic() - startedAt > READY_WITHIN_MS) {
      const log = lastLogLines(process_);
      await stop();
      throw new Error(`capfn run ${ended ? "ended" : "was not ready in time"}; its log ends with:\n${log}`);
    }
    await sleep(clock, 20);
  }
  const readyAfterMs = clock.monotonic() - startedAt;
  const pid = await pidOf(kubeconfigPath);
  return {
    readyAfterMs,
    scrape: async () => parseMetrics(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()),
    memory: async () => {
      const status = await readFile(`/proc/${pid}/status`, "utf8");
      const of = (field: string) =>
        (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024) / 1e6;
      return { resident: of("VmRSS"), anonymous: of("RssAnon"), peak: of("VmHWM") };
    },
    cpuMs: async () => {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      // Fields after the parenthesised name; utime and stime are the 14th and 15th of the line.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    },
    stop: () => stop(),
    crash: () => stop(0),
    [Symbol.asyncDispose]: () => stop(),
  };
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false;
  }
}

/** The process that was started with this kubeconfig; its watchdog shell has it in its arguments, too, and is not meant. */
async function pidOf(kubeconfigPath: string): Promise<number> {
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const [command, ...args] = (await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (command === process.execPath && args.includes(`--kubeconfig=${kubeconfigPath}`)) return Number(entry);
  }
  throw new Error(
    "the process of capfn run is not in /proc; memory and CPU are read from there (Linux only)",
  );
}
