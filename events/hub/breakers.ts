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

/** One circuit breaker per API server. A dead one holds back the items that need it, and no others. */
export class Breakers {
  readonly #clock: Clock;
  readonly #policy: BreakerPolicy;
  readonly #circuits = new Map<string, Circuit>();

  constructor(clock: Clock, policy: BreakerPolicy) {
    this.#clock = clock;
    this.#policy = policy;
  }

  /** Ms until an item that needs these may run; 0 when it may now. A half-open circuit lets one probe through. */
  waitMs(dependencies: readonly string[]): number {
    const now = this.#clock.monotonic();
    const waits = dependencies.map((name) => {
      const circuit = this.#circuits.get(name);
      if (circuit?.openUntil === undefined) return 0;
      if (circuit.openUntil > now) return circuit.openUntil - now;
      return circuit.probing ? this.#policy.firstOpenMs / 2 : 0;
    });
    return Math.max(0, ...waits);
  }

  /** An item that needs these is sent out now. */
  sent(dependencies: readonly string[]): void {
    for (const name of dependencies) {
      const circuit = this.#circuits.get(name);
      if (circuit?.openUntil !== undefined) circuit.probing = true;
    }
  }

  succeeded(dependencies: readonly string[]): void {
    for (const name of dependencies) this.#circuits.delete(name);
  }

  /** The dependency did not answer, or answered that it cannot. */
  failed(name: string): void {
    const circuit = this.#circuits.get(name) ?? {
      failures: 0,
      openUntil: undefined,
      openings: 0,
      probing: false,
    };
    circuit.failures += 1;
    if (circuit.probing || circuit.failures >= this.#policy.threshold) {
      const openMs = Math.min(this.#policy.longestOpenMs, this.#policy.firstOpenMs * 2 ** circuit.openings);
      circuit.openUntil = this.#clock.monotonic() + openMs;
      circuit.openings += 1;
      circuit.failures = 0;
      circuit.probing = false;
    }
    this.#circuits.set(name, circuit);
  }

  isOpen(name: string): boolean {
    return this.#circuits.get(name)?.openUntil !== undefined;
  }

  open(): readonly string[] {
    return [...this.#circuits].filter(([, { openUntil }]) => openUntil !== undefined).map(([name]) => name);
  }
}
