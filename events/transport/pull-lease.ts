import { randomUUID } from "node:crypto";
import type { WaitingDispatch } from "#events/transport/pull-queue.ts";
import { LEASE_MS, MARGIN_MS, RENEW_MS } from "#events/transport/pull-protocol.ts";
import type { Clock } from "#platform/process/clock.ts";

/** A dispatch in the hands of a pod. */
export class PullLease {
  readonly id = randomUUID();
  readonly work: WaitingDispatch;
  readonly holder: string;
  /** Monotonic ms at which its step must have ended, renewed or not. */
  readonly deadline: number;
  readonly #clock: Clock;
  readonly #leadLeftMs: () => number;
  readonly #expired: (lease: PullLease) => void;
  #until = 0;
  #cancelExpiry: () => void = () => undefined;
  /** Answers the renewals that are held. */
  readonly #held = new Set<() => void>();
  #ended = false;

  constructor(
    work: WaitingDispatch,
    holder: string,
    {
      clock,
      leadLeftMs,
      expired,
    }: { clock: Clock; leadLeftMs: () => number; expired: (lease: PullLease) => void },
  ) {
    this.work = work;
    this.holder = holder;
    this.#clock = clock;
    this.#leadLeftMs = leadLeftMs;
    this.#expired = expired;
    this.deadline = clock.monotonic() + work.dispatch.function.timeoutMs;
    this.extend();
  }

  /** The pod renewed it to the very end of its step's time. */
  get atDeadline(): boolean {
    return this.#until >= this.deadline;
  }

  /** Gives the pod its time once more, as far as the step's deadline and the hub's own lead let it; how much, ms. */
  extend(): number {
    const now = this.#clock.monotonic();
    const lastsMs = Math.max(0, Math.min(LEASE_MS, this.deadline - now, this.#leadLeftMs()));
    if (this.atDeadline) return lastsMs;
    this.#until = now + lastsMs;
    this.#cancelExpiry();
    this.#cancelExpiry = this.#clock.schedule(lastsMs + MARGIN_MS, () => this.#expired(this));
    return lastsMs;
  }

  /** A renewal is held for a while. The time the pod gets then, ms; undefined when the lease ends meanwhile. */
  async held(): Promise<number | undefined> {
    this.extend();
    await new Promise<void>((resolve) => {
      const answer = () => {
        cancel();
        this.#held.delete(answer);
        resolve();
      };
      const cancel = this.#clock.schedule(RENEW_MS, answer);
      this.#held.add(answer);
    });
    const lastsMs = this.#ended ? 0 : this.extend();
    return lastsMs > 0 ? lastsMs : undefined;
  }

  /** Nothing is extended any more. */
  end(): void {
    this.#ended = true;
    this.#cancelExpiry();
    for (const answer of this.#held) answer();
  }
}
