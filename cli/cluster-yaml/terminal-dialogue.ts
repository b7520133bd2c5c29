import { createInterface } from "node:readline/promises";
import type { Dialogue } from "#cli/cluster-yaml/interview.ts";

/** The two ends of a terminal; `output` is not where results go, so that these can be piped on. */
export interface TerminalStreams {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

/**
 * Asks on a terminal as long as `conversation` lasts. End of input (Ctrl-D) and Ctrl-C end it with an error.
 *
 * @throws Error
 */
export async function onTerminal<T>(
  { input, output }: TerminalStreams,
  conversation: (dialogue: Dialogue) => Promise<T>,
): Promise<T> {
  const lines = createInterface({ input, output });
  const ended = new AbortController();
  for (const name of ["close", "SIGINT"] as const) lines.once(name, () => ended.abort());
  try {
    return await conversation({
      ask: (question) => lines.question(question, { signal: ended.signal }),
      tell: (line) => void output.write(`${line}\n`),
    });
  } catch (error) {
    if (ended.signal.aborted)
      throw new Error("nothing is generated: the questions were not answered", { cause: error });
    throw error;
  } finally {
    lines.close();
  }
}
