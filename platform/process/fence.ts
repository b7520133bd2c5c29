import type { Clock } from "#platform/process/clock.ts";

/** One moment on both clocks of this machine. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

/**
 * Time since a moment, ms. The monotonic clock stands still while the machine sleeps, the wall clock does not (clock_gettime(2)): whichever has gone
 * further counts. A wall clock that is set forward makes time seem over that is not, which is only slow.
 */
export function sinceMoment(clock: Clock, { monotonic, wall }: Moment): number {
  return Math.max(clock.monotonic() - monotonic, clock.now() - wall);
}

/**
 * A right that lasts for some time and may be extended, e.g. to write while a lease lasts. Whether it is over is asked of the clock at the very moment of
 * acting, never of a timer: a process that was stopped, or a machine that slept, finds out before it acts.
 */
export class Fence {
  readonly #clock: Clock;
  #from: Moment;
  #lastsMs: number;

  constructor(clock: Clock, from: Moment, lastsMs: number) {
    this.#clock = clock;
    this.#from = from;
    this.#lastsMs = lastsMs;
  }

  /** Time left, ms; not above 0 when it is over. */
  get leftMs(): number {
    return this.#lastsMs - sinceMoment(this.#clock, this.#from);
  }

  get open(): boolean {
    return this.leftMs > 0;
  }

  extend(from: Moment, lastsMs: number): void {
    this.#from = from;
    this.#lastsMs = lastsMs;
  }
}
