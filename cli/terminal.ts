import { systemClock, type Clock } from "#platform/process/clock.ts";
import { processEnvironment, type Environment } from "#platform/process/environment.ts";

/** The process as commands see it: where they print, what time it is, when they are asked to end. */
export interface Terminal {
  readonly clock: Clock;
  readonly environment: Environment;
  readonly random: () => number;
  /** Standard output: results. */
  print(line: string): void;
  /** Standard error: progress and errors. */
  say(line: string): void;
  /** Whether a person watches, so that lines may be redrawn and coloured. */
  readonly interactive: boolean;
  /** Resolves with the name of the signal that asks the process to end. The second signal ends it at once. */
  ended(): Promise<string>;
}

export function processTerminal(): Terminal {
  return {
    clock: systemClock(),
    environment: processEnvironment(),
    random: Math.random,
    print: (line) => void process.stdout.write(`${line}\n`),
    say: (line) => void process.stderr.write(`${line}\n`),
    interactive: process.stderr.isTTY,
    ended: () => {
      const stay = setInterval(() => undefined, 1 << 30);
      return new Promise((resolve) => {
        for (const name of ["SIGINT", "SIGTERM"] as const) {
          process.once(name, () => {
            clearInterval(stay);
            resolve(name);
          });
        }
      });
    },
  };
}
