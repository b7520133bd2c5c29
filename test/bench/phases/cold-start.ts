import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildFunctions } from "#image/build.ts";
import { coldStart, type ColdProgram, type ColdStart } from "#test/bench/cold-process.ts";
import { quantile, type Sheet } from "#test/bench/sheet.ts";
import { startStepApi, stepEvents } from "#test/bench/step-events.ts";

/** A program that does nothing but answer HTTP, as anybody would write it: the floor of Node itself. */
const BARE = `import { createServer } from "node:http";
const port = Number(process.argv.at(-1).split(":").at(-1));
createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => response.end(body));
}).listen(port, "127.0.0.1", () => process.stderr.write("served\\n"));
process.on("SIGTERM", () => process.exit(0));
`;

const MOST_KB = 1_000;

interface Starts {
  readonly name: string;
  readonly program: ColdProgram;
  readonly cached: ColdStart[];
  readonly uncached: ColdStart[];
}

/**
 * From the start of each function's own bundle until its first event is handled, and the same of a bare node:http, in rounds in which each has its
 * turn: the ratios hold on a busy machine, the times do not. An event is a dispatch with its snapshot; its step reads from an API server on
 * this machine.
 */
export async function measureColdStarts(sheet: Sheet, rounds: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "capfn-cold-"));
  const api = await startStepApi();
  try {
    await buildFunctions(folder);
    const kubeconfig = join(folder, "kubeconfig");
    await writeFile(kubeconfig, api.kubeconfig, { mode: 0o600 });
    await writeFile(join(folder, "bare.mjs"), BARE);
    const cache = join(folder, "cache");
    const starts = (name: string, flags: readonly string[], event: ColdProgram["event"]): Starts => {
      const program = { path: join(folder, `${name}.mjs`), flags, cache, event };
      return { name, program, cached: [], uncached: [] };
    };
    const bare = starts("bare", [], { path: "/", headers: {}, body: "{}" });
    await coldStart(bare.program);
    const functions: Starts[] = [];
    for (const { function: name, headers, body, reads } of await stepEvents()) {
      const made = starts(name, ["--kubeconfig", kubeconfig], { path: `/${name}`, headers, body });
      const before = api.requests.length;
      // The first start fills the compile cache.
      await coldStart(made.program);
      if (reads && api.requests.length === before) throw new Error(`${name}: its step read nothing`);
      functions.push(made);
    }
    for (let round = 0; round < rounds; round += 1)
      for (const { program, cached, uncached } of [bare, ...functions]) {
        cached.push(await coldStart(program));
        uncached.push(await coldStart({ ...program, cache: undefined }));
      }
    for (const each of functions) await report(sheet, each, bare);
    reportBare(sheet, bare);
  } finally {
    await api.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function report(
  sheet: Sheet,
  { name, program, cached, uncached }: Starts,
  bare: Starts,
): Promise<void> {
  const id = `coldstart/${name}`;
  const ratio = (of: keyof ColdStart, own = cached, floor = bare.cached) =>
    median(own, of) / median(floor, of);
  const times = (own: readonly ColdStart[]) =>
    `listens after ${median(own, "listeningMs").toFixed(0)} ms, answered after ${median(own, "handledMs").toFixed(0)} ms`;
  const size = (await stat(program.path)).size / 1_000;
  const clients = await largeClients(program.path);
  const target = clients.length === 0 ? MOST_KB : undefined;
  const note = clients.length === 0 ? undefined : `with ${clients.join(" and ")}`;
  sheet.measured({ id: `${id}/size`, what: "its bundle", unit: "kB", value: size, target, note });
  sheet.measured({
    id: `${id}/time`,
    what: "process start -> first event handled, over bare node:http",
    unit: "x",
    value: ratio("handledMs"),
    target: 2,
    note: times(cached),
  });
  sheet.measured({
    id: `${id}/time-without-cache`,
    what: "the same without the compile cache, both",
    unit: "x",
    value: ratio("handledMs", uncached, bare.uncached),
    note: times(uncached),
  });
  const cpu = `${median(cached, "cpuMs").toFixed(0)} ms`;
  const what = "CPU until then, over bare node:http";
  sheet.measured({ id: `${id}/cpu`, what, unit: "x", value: ratio("cpuMs"), target: 2.5, note: cpu });
  const value = median(cached, "residentMb");
  sheet.measured({ id: `${id}/memory`, what: "resident memory then", unit: "MB", value, target: 100 });
}

function reportBare(sheet: Sheet, { cached }: Starts): void {
  const row = (name: string, what: string, unit: string, of: keyof ColdStart) =>
    sheet.measured({
      id: `coldstart/bare/${name}`,
      what: `bare node:http: ${what}`,
      unit,
      value: median(cached, of),
    });
  row("time", "process start -> first request answered", "ms", "handledMs");
  row("cpu", "CPU until then", "ms", "cpuMs");
  row("memory", "resident memory then", "MB", "residentMb");
}

/** Clients in a bundle that make it larger, told by texts that only they have. */
async function largeClients(path: string): Promise<string[]> {
  const text = await readFile(path, "utf8");
  const found = [];
  if (text.includes("ssh-userauth")) found.push("an SSH client");
  if (text.includes("CompleteMultipartUpload")) found.push("an object store client");
  return found;
}

function median(starts: readonly ColdStart[], of: keyof ColdStart): number {
  return quantile(
    starts.map((start) => start[of]),
    0.5,
  );
}
