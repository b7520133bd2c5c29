import type { Clock } from "#platform/process/clock.ts";

interface Circuit {
  failures: number;
  /** Monotonic ms until which nothing is sent; undefined while closed. */
  openUntil: number | undefined;
  openings: number;
  probing: boolean;
}

export interface BreakerPolicy {
  /** Consecutive failures that open it. */
  readonly threshold: number;
  readonly firstOpenMs: number;
  readonly longestOpenMs: number;
}

export const defaultBreaker: BreakerPolicy = { threshold: 5, firstOpenMs: 2_000, longestOpenMs: 60_000 };

/** What a run showed of the API servers it was about. */
export interface RunReport {
  /** The one that did not answer, if that is why the run ended. */
  readonly dead?: string | undefined;
  /** Those that answered something; undefined when the runner does not tell. */
  readonly reached?: readonly string[] | undefined;
  /** Whether the run came to an outcome. */
  readonly completed: boolean;
}

/** One circuit breaker per API server. A dead one holds back the items that need it, and no others. */
export class Breakers {
  readonly #clock: Clock;
  readonly #policy: BreakerPolicy;
  readonly #circuits = new Map<string, Circuit>();

  constructor(clock: Clock, policy: BreakerPolicy) {
    this.#clock = clock;
    this.#policy = policy;
  }

  /** Ms until an item that needs this one may run; 0 when it may now. A half-open circuit lets one probe through. */
  waitMs(name: string): number {
    const circuit = this.#circuits.get(name);
    if (circuit?.openUntil === undefined) return 0;
    const leftMs = circuit.openUntil - this.#clock.monotonic();
    if (leftMs > 0) return leftMs;
    return circuit.probing ? this.#policy.firstOpenMs / 2 : 0;
  }

  /** An item that needs these is sent out now. */
  sent(dependencies: readonly string[]): void {
    for (const name of dependencies) {
      const circuit = this.#circuits.get(name);
      if (circuit?.openUntil !== undefined) circuit.probing = true;
    }
  }

  /** The run that was sent has ended, whichever way: a probe is over even when it proved nothing. */
  ended(dependencies: readonly string[], { dead, reached, completed }: RunReport): void {
    for (const name of dependencies) {
      if (name === dead) continue;
      const circuit = this.#circuits.get(name);
      if (reached?.includes(name) ?? completed) this.#circuits.delete(name);
      else if (circuit !== undefined) circuit.probing = false;
    }
    if (dead !== undefined) this.#failed(dead);
  }

  /** The API server is another one now, or nobody needs it any more. */
  forget(name: string): void {
    this.#circuits.delete(name);
  }

  open(): readonly string[] {
    return [...this.#circuits.keys()].filter((name) => this.isOpen(name));
  }

  /** It has not answered since it was given up: nothing, or one probe at a time, is sent to it. */
  isOpen(name: string): boolean {
    return this.#circuits.get(name)?.openUntil !== undefined;
  }

  #failed(name: string): void {
    const fresh: Circuit = { failures: 0, openUntil: undefined, openings: 0, probing: false };
    const circuit = this.#circuits.get(name) ?? fresh;
    this.#circuits.set(name, circuit);
    const now = this.#clock.monotonic();
    // What was under way when it opened fails too, and says nothing new.
    if (circuit.openUntil !== undefined && circuit.openUntil > now) return;
    circuit.failures += 1;
    if (!circuit.probing && circuit.failures < this.#policy.threshold) return;
    const openMs = Math.min(this.#policy.longestOpenMs, this.#policy.firstOpenMs * 2 ** circuit.openings);
    circuit.openUntil = now + openMs;
    circuit.openings += 1;
    circuit.failures = 0;
    circuit.probing = false;
  }
}
