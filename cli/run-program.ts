import type { Command } from "commander";
import type { Terminal } from "#cli/terminal.ts";

/** Runs a command line to its end: an error is one line and the exit code 1. */
export async function runProgram(program: Command, terminal: Terminal): Promise<void> {
  const sleepAgain = terminal.stayAwake();
  try {
    await program.parseAsync();
  } catch (error) {
    terminal.say(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  } finally {
    sleepAgain();
  }
}
