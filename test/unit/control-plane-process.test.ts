import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { untilReady, withPortRetry } from "#platform/control-plane/readiness.ts";
import { startSupervised, type SupervisedProcess } from "#platform/control-plane/supervised-process.ts";
import { systemClock } from "#platform/process/clock.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "capfn-process-test-"));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function start(script: string): SupervisedProcess {
  const pidFile = join(directory, "pid");
  return startSupervised({
    name: "program",
    command: "/bin/sh",
    args: ["-c", `echo $$ > ${pidFile}; ${script}`],
    directory,
    logPath: join(directory, "log"),
    clock: systemClock(),
  });
}

async function startedPid(): Promise<number> {
  const path = join(directory, "pid");
  await expect.poll(() => readFile(path, "utf8").catch(() => "")).not.toBe("");
  return Number(await readFile(path, "utf8"));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** State of a process as Linux tells it: `T` is stopped. */
async function stateOf(pid: number): Promise<string | undefined> {
  return /^State:\s+(\S)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
}

test("stop ends the program before it resolves", async () => {
  const program = start("exec sleep 60");
  const pid = await startedPid();
  await program.stop();
  expect(isRunning(pid)).toBe(false);
});

test("stop with a grace period lets the program end by itself", async () => {
  const program = start(
    `trap 'echo bye > ${join(directory, "bye")}; exit 0' TERM; while :; do sleep 0.05; done`,
  );
  await startedPid();
  await program.stop(5_000);
  expect(await readFile(join(directory, "bye"), "utf8")).toBe("bye\n");
});

test("exited tells the exit code of the program", async () => {
  expect(await start("exit 7").exited).toBe(7);
});

test("a program that cannot be started exits with 127", async () => {
  const missing = startSupervised({
    name: "missing",
    command: join(directory, "no-such-program"),
    args: [],
    directory,
    logPath: join(directory, "log"),
    clock: systemClock(),
  });
  expect(await missing.exited).toBe(127);
});

test.runIf(process.platform === "linux")(
  "a frozen program can be thawed and stopped, as /proc of Linux tells",
  async () => {
    const program = start("exec sleep 60");
    const pid = await startedPid();
    program.signal("STOP");
    await expect.poll(() => stateOf(pid)).toBe("T");
    program.signal("CONT");
    await expect.poll(() => stateOf(pid)).toBe("S");
    program.signal("STOP");
    await program.stop();
    expect(isRunning(pid)).toBe(false);
  },
);

test("the program, its children and its directory are gone when the process that started it is killed with SIGKILL", async () => {
  const childPid = join(directory, "child");
  const code = `
    import { startSupervised } from "#platform/control-plane/supervised-process.ts";
    import { systemClock } from "#platform/process/clock.ts";
    startSupervised({
      name: "program",
      command: "/bin/sh",
      args: ["-c", "sleep 61 & echo $! > ${childPid}; echo $$ > ${join(directory, "pid")}; wait"],
      directory: ${JSON.stringify(directory)},
      logPath: ${JSON.stringify(join(directory, "log"))},
      clock: systemClock(),
    });
  `;
  const parent = spawn(process.execPath, ["--input-type=module-typescript", "-e", code], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const pid = await startedPid();
  const child = Number(await readFile(childPid, "utf8"));
  expect([isRunning(pid), isRunning(child)]).toEqual([true, true]);
  parent.kill("SIGKILL");
  await expect.poll(() => isRunning(pid), { timeout: 5_000 }).toBe(false);
  await expect.poll(() => isRunning(child), { timeout: 5_000 }).toBe(false);
  await expect.poll(() => existsSync(directory), { timeout: 5_000 }).toBe(false);
});

test("a program that ends before it is ready is reported with its exit code and the end of its log", async () => {
  const program = start("echo first; echo 'flag provided but not defined: -nonsense'; exit 2");
  const waiting = untilReady(program, { url: "http://127.0.0.1:1/readyz" }, systemClock());
  await expect(waiting).rejects.toThrow(
    /^program ended with code 2; its log ends with:\nfirst\nflag provided but not defined: -nonsense$/,
  );
});

test("a program that does not get ready in time is reported", async () => {
  const program = start("exec sleep 60");
  const waiting = untilReady(program, { url: "http://127.0.0.1:1/readyz" }, systemClock(), 100);
  await expect(waiting).rejects.toThrow(/^program was not ready after 0 s; its log is empty$/);
  await program.stop();
});

test("a start is repeated when another process took the port, and not for other reasons", async () => {
  let starts = 0;
  const started = withPortRetry(async () => {
    starts += 1;
    const program = start(starts < 3 ? "echo 'listen tcp: bind: address already in use'; exit 1" : "exit 1");
    try {
      await untilReady(program, { url: "http://127.0.0.1:1/" }, systemClock());
    } finally {
      await writeFile(program.logPath, "");
    }
  });
  await expect(started).rejects.toThrow(/its log is empty/);
  expect(starts).toBe(3);
});
