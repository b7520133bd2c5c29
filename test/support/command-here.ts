import { capfnProgram } from "#cli/program.ts";
import { processTerminal, type Terminal } from "#cli/terminal.ts";
import type { Ended } from "#test/support/command-line.ts";

/** Runs one command of `capfn` in this process, which saves the start of another; with what it prints and how it would end. */
export async function commandHere(...args: readonly string[]): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  const terminal: Terminal = {
    ...processTerminal(),
    print: (line) => void (stdout += `${line}\n`),
    say: (line) => void (stderr += `${line}\n`),
  };
  const program = capfnProgram(terminal);
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({
      writeOut: (text) => void (stdout += text),
      writeErr: (text) => void (stderr += text),
    });
  try {
    await program.parseAsync([...args], { from: "user" });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return {
      code: 1,
      stdout,
      stderr: `${stderr}${error instanceof Error ? error.message : String(error)}\n`,
    };
  }
}
