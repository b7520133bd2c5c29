import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { type Clock, sleep } from "#platform/process/clock.ts";

/** A program that cannot outlive the process that started it, not even when that one is killed with SIGKILL. */
export interface SupervisedProcess {
  readonly name: string;
  readonly logPath: string;
  /** Resolves, never rejects, with the exit code once the program has ended (128 + n after signal n). */
  readonly exited: Promise<number>;
  /** STOP and CONT freeze and thaw the program: to its clients it looks hung, with its connections open. */
  signal(signal: "TERM" | "KILL" | "STOP" | "CONT"): void;
  /** Kills at once, or after `graceMs` of SIGTERM, and resolves when the program has ended. */
  stop(graceMs?: number): Promise<void>;
}

export interface SupervisedProcessOptions {
  /** Name in messages, e.g. `kube-apiserver`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the program besides a PATH; nothing is inherited. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Where the program runs; the current directory when absent. */
  readonly workingDirectory?: string;
  /** Removed, with everything in it, when the starting process dies without a word. */
  readonly directory: string;
  /** Standard output and standard error are appended to it. */
  readonly logPath: string;
  readonly clock: Clock;
}

/**
 * File descriptor 3 is the lifeline: the starting process writes the names of signals to it and holds it open for as long as
 * it lives. The kernel closes it at that process's death, however it died; then the program and its children are killed and
 * its directory is removed. A POSIX shell does this in 1 MB, where a second Node process would need 40.
 */
const WATCHDOG = `
directory=$1; shift
"$@" 3<&- &
child=$!
orphaned() {
  trap "" TERM
  kill -TERM 0
  kill -KILL "$child"
  wait "$child"
  rm -rf "$directory" || { sleep 1; rm -rf "$directory"; }
  kill -KILL 0
}
trap orphaned HUP
{ while read -r signal; do kill -"$signal" "$child"; done; kill -HUP $$; } <&3 3<&- &
watcher=$!
wait "$child"
status=$?
kill -KILL "$watcher"
exit "$status"
`;

/** Starts a program under a watchdog. Throws when the log cannot be opened; a program that cannot start exits with 126 or 127. */
export function startSupervised(options: SupervisedProcessOptions): SupervisedProcess {
  const log = openSync(options.logPath, "a");
  const watchdog = spawn(
    "/bin/sh",
    ["-c", WATCHDOG, `capfn-${options.name}`, options.directory, options.command, ...options.args],
    {
      // A process group of its own: Ctrl-C in a terminal is for the starting process alone.
      detached: true,
      stdio: ["ignore", log, log, "pipe"],
      ...(options.workingDirectory === undefined ? {} : { cwd: options.workingDirectory }),
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...options.variables },
    },
  );
  closeSync(log);
  const exited = new Promise<number>((resolve) => {
    watchdog.once("error", () => resolve(127));
    watchdog.once("exit", (code) => resolve(code ?? 137));
  });
  const lifeline = watchdog.stdio[3];
  // The program may be gone when a signal is written; that is what `exited` reports.
  lifeline?.on("error", () => undefined);
  const signal: SupervisedProcess["signal"] = (name) => {
    if (lifeline instanceof Writable && lifeline.writable) lifeline.write(`${name}\n`);
  };
  return {
    name: options.name,
    logPath: options.logPath,
    exited,
    signal,
    stop: async (graceMs = 0) => {
      if (graceMs > 0) {
        signal("CONT");
        signal("TERM");
        await Promise.race([exited, sleep(options.clock, graceMs)]);
      }
      signal("KILL");
      await exited;
      lifeline?.destroy();
    },
  };
}

/** The end of a process's log for an error message; empty when there is none. */
export function lastLogLines(process: Pick<SupervisedProcess, "logPath">, count = 15): string {
  try {
    return readFileSync(process.logPath, "utf8").trimEnd().split("\n").slice(-count).join("\n");
  } catch {
    return "";
  }
}
