import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { ManagementChoice } from "#cli/operator/management.ts";

/** How `kubectl` ended. */
export interface KubectlRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `kubectl` with the kubeconfig and context that were chosen, and `input` on its standard input. Undefined when there is no such program.
 *
 * @param program name, or path, of the program
 */
export async function runKubectl(
  program: string,
  args: readonly string[],
  { choice, input = "" }: { readonly choice: ManagementChoice; readonly input?: string },
): Promise<KubectlRun | undefined> {
  const { kubeconfig, context } = choice;
  const target = [
    ...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
    ...(context === undefined ? [] : ["--context", context]),
  ];
  const child = spawn(program, [...target, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  // One that ends before it has read everything says why on standard error.
  child.stdin.on("error", () => undefined);
  try {
    await once(child, "spawn");
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: child.exitCode ?? 1, stdout, stderr };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
