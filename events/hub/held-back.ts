import type { Breakers } from "#events/hub/breakers.ts";
import type { Clock } from "#platform/process/clock.ts";

interface Waiting {
  /** Ids of items, first come first served. */
  readonly items: Set<string>;
  cancel: (() => void) | undefined;
  /** The server answers, and they step back in line at their pace. */
  returning: boolean;
}

/** Items let back in line in one go when their API server answers again, and the pause before the next, ms. */
const SLICE = 200;
const PAUSE_MS = 50;

/**
 * Items that wait for an API server to answer again. While it is dead one of them at a time is let try; when it answers all step back in
 * line, some at a time. So a dead server costs the same however many items it holds back, and one that is back is not a thundering herd.
 */
export class HeldBack {
  readonly #clock: Clock;
  readonly #breakers: Breakers;
  readonly #letGo: (item: string) => void;
  readonly #servers = new Map<string, Waiting>();

  constructor(clock: Clock, breakers: Breakers, letGo: (item: string) => void) {
    this.#clock = clock;
    this.#breakers = breakers;
    this.#letGo = letGo;
  }

  /** The item needs this API server, which does not answer. */
  hold(item: string, server: string): void {
    const waiting = this.#servers.get(server) ?? {
      items: new Set<string>(),
      cancel: undefined,
      returning: false,
    };
    this.#servers.set(server, waiting);
    waiting.items.add(item);
    if (waiting.cancel === undefined) this.#lookAfter(server, this.#breakers.waitMs(server));
  }

  /** A run that was about these API servers has ended: perhaps one of them answers again. */
  ended(servers: readonly string[]): void {
    for (const server of servers) {
      const waiting = this.#servers.get(server);
      if (waiting === undefined || waiting.returning || this.#breakers.waitMs(server) > 0) continue;
      waiting.cancel?.();
      this.#look(server);
    }
  }

  stop(): void {
    for (const { cancel } of this.#servers.values()) cancel?.();
    this.#servers.clear();
  }

  #look(server: string): void {
    const waiting = this.#servers.get(server);
    if (waiting === undefined) return;
    waiting.cancel = undefined;
    const waitMs = this.#breakers.waitMs(server);
    waiting.returning = !this.#breakers.isOpen(server);
    if (waitMs > 0) {
      this.#lookAfter(server, waitMs);
      return;
    }
    const next = [...waiting.items.values().take(waiting.returning ? SLICE : 1)];
    for (const item of next) waiting.items.delete(item);
    if (waiting.items.size === 0) this.#servers.delete(server);
    // Whoever is let try may turn out to have nothing to do any more; then the next one is.
    else this.#lookAfter(server, PAUSE_MS);
    for (const item of next) this.#letGo(item);
  }

  #lookAfter(server: string, ms: number): void {
    const waiting = this.#servers.get(server);
    if (waiting !== undefined) waiting.cancel = this.#clock.schedule(ms, () => this.#look(server));
  }
}
