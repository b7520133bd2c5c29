import { execFile } from "node:child_process";
import { promisify } from "node:util";

const exec = promisify(execFile);

export interface CommandOptions {
  /** Added to the environment of this process. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Written to its standard input. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** How much of what a program said goes into an error. */
const SAID_LINES = 12;

/** Runs a program to its end and answers with its standard output. Throws with the end of what it said when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  { variables, input, timeoutMs = 600_000 }: CommandOptions = {},
): Promise<string> {
  const running = exec(command, args, {
    env: { ...process.env, ...variables },
    maxBuffer: 256 * 1024 * 1024,
    timeout: timeoutMs,
  });
  running.child.stdin?.on("error", () => undefined);
  running.child.stdin?.end(input ?? "");
  try {
    return (await running).stdout;
  } catch (error) {
    const { stderr = "", stdout = "", code } = error as { stderr?: string; stdout?: string; code?: number };
    const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-SAID_LINES).join("\n");
    const line = [command, ...args].join(" ").slice(0, 200);
    throw new Error(`${line} ended with ${code ?? "a signal"}: ${said}`, { cause: error });
  }
}

/** Whether a program ends well. */
export async function succeeds(
  command: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<boolean> {
  return run(command, args, options).then(
    () => true,
    () => false,
  );
}
