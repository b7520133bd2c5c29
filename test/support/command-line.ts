import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";

const entry = join(import.meta.dirname, "..", "..", "cli", "capfn.ts");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Processes that a failed test may have left; they end with the worker at the latest. */
const started = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});

/** A `capfn` process. What it prints is collected. */
export interface RunningCommand {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** The first standard error line that matches, now or later. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
}

export function startCapfn(...args: string[]): RunningCommand {
  const child = spawn(process.execPath, [entry, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  started.add(child);
  child.on("close", () => started.delete(child));
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code) => resolve({ code, stdout, stderr })),
  );
  return {
    process: child,
    ended,
    line: async (pattern) => {
      for (let tries = 0; tries < 2_400; tries += 1) {
        const match = pattern.exec(stderr);
        if (match !== null) return match;
        if (child.exitCode !== null) throw new Error(`capfn ${args.join(" ")} ended: ${stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`capfn ${args.join(" ")} never printed ${String(pattern)}: ${stderr}`);
    },
  };
}

/** Ends what tests of this file have left running. */
export function endCapfn(): void {
  for (const child of started) child.kill("SIGKILL");
}

/** Runs `capfn` to its end. */
export function capfn(...args: string[]): Promise<Ended> {
  return startCapfn(...args).ended;
}
