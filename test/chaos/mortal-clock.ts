import type { Clock } from "#platform/process/clock.ts";

/** Whether an operator lives: everything it does passes here. */
export interface Mortality {
  readonly dead: boolean;
  /** Its clock: timers of the dead never fire, those of the paused fire when it goes on. */
  readonly clock: Clock;
  /** Resolves at once while it runs, later while it is paused, never when it is dead. */
  alive(): Promise<void>;
  /** As by kill -9. */
  kill(): void;
  pause(): void;
  resume(): void;
}

/** Time itself goes on for all that have one clock. */
export function mortality(base: Clock): Mortality {
  let dead = false;
  let paused = false;
  let waiting: (() => void)[] = [];
  const whenRunning = (act: () => void): void => {
    if (dead) return;
    if (paused) waiting.push(act);
    else act();
  };
  return {
    get dead() {
      return dead;
    },
    clock: {
      now: () => base.now(),
      monotonic: () => base.monotonic(),
      schedule: (afterMs, callback) => {
        let cancelled = false;
        const cancel = base.schedule(afterMs, () =>
          whenRunning(() => {
            if (!cancelled) callback();
          }),
        );
        return () => {
          cancelled = true;
          cancel();
        };
      },
    },
    alive: () => new Promise((resolve) => whenRunning(resolve)),
    kill: () => {
      dead = true;
      waiting = [];
    },
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      const due = waiting;
      waiting = [];
      for (const act of due) whenRunning(act);
    },
  };
}
