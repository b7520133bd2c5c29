import { systemClock, type Clock } from "#platform/process/clock.ts";
import { containStrays, type Contain } from "#platform/process/stray-rejections.ts";
import { processEnvironment, type Environment } from "#platform/process/environment.ts";

/** Any time that is long; the timer only has to exist. */
const LONG_MS = 1 << 30;

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
  /**
   * Keeps the process alive until the returned function is called: timers of the clock do not, so that a command that waits would otherwise
   * end in the middle.
   */
  stayAwake(): () => void;
  /** Lets acts run so that rejections they leave behind do not end the process; `told` hears of each. */
  contain(told: (error: unknown) => void): Contain;
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
    stayAwake: () => {
      const awake = setInterval(() => undefined, LONG_MS);
      return () => clearInterval(awake);
    },
    contain: (told) => containStrays(process, told),
    ended: () => {
      return new Promise((resolve) => {
        for (const name of ["SIGINT", "SIGTERM"] as const) {
          process.once(name, () => {
            resolve(name);
          });
        }
      });
    },
  };
}
