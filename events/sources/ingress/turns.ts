import type { Sender } from "#events/sources/ingress/senders.ts";
import type { Clock } from "#platform/process/clock.ts";

/** What is worked on at once, and who may wait for it. */
export interface TurnLimits {
  /** Requests that are worked on at once. */
  readonly atOnce: number;
  /** Bytes of their bodies. A body that is larger by itself has its turn alone. */
  readonly bytes: number;
  /** Requests of one sender that wait. */
  readonly waiting: number;
  /** Longest wait, ms. */
  readonly waitMs: number;
}

/** A request that asks for its turn. */
export interface TurnRequest {
  readonly sender: Sender;
  /** Largest size its body can have. */
  readonly bytes: number;
  /** It waits for its turn instead of being refused at once. */
  readonly patient: boolean;
  /** Aborts when nobody waits for the answer any more. */
  readonly gone: AbortSignal;
}

/** `end`: call it once, when the request has been answered. `refused`: come again `afterMs` later. */
export type Turn =
  | { readonly end: () => void }
  | { readonly refused: "busy" | "rate"; readonly afterMs: number };

interface Waiter extends TurnRequest {
  readonly settle: (turn: Turn) => void;
}

const COME_AGAIN_MS = 1_000;

/**
 * Turns of requests. In a storm Alertmanager sends thousands of webhooks at once, and every one that is turned away comes again in half a
 * second: more work than to take it. So they wait here, before their bodies are read, and each sender's rate is kept by waiting, too. The
 * newest has its turn first: its sender waits for the answer longest, whereas first come, first served would in the end only serve those
 * whose senders are about to give up. Senders have their turns in rotation, so that none is held up by the storm of another.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #limits: TurnLimits;
  /** Those of each sender that wait, the newest last; the sender whose turn is next comes first. */
  readonly #lines = new Map<Sender, Waiter[]>();
  #inFlight = 0;
  #bytes = 0;
  #cancelPump: (() => void) | undefined;

  constructor(clock: Clock, limits: TurnLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Resolves when the request may be worked on, or has to come again. */
  take(wanted: TurnRequest): Promise<Turn> {
    const { sender, patient, gone } = wanted;
    const waiting = this.#lines.get(sender)?.length ?? 0;
    if (gone.aborted) return Promise.resolve({ refused: "busy", afterMs: COME_AGAIN_MS });
    if (waiting === 0 && this.#hasRoom(wanted)) {
      const afterMs = sender.bucket.take();
      if (afterMs === 0) return Promise.resolve(this.#begin(wanted));
      if (!patient) return Promise.resolve({ refused: "rate", afterMs });
    }
    if (!patient || waiting >= this.#limits.waiting)
      return Promise.resolve({ refused: "busy", afterMs: COME_AGAIN_MS });
    return new Promise((resolve) => {
      const leave = (): void => waiter.settle({ refused: "busy", afterMs: COME_AGAIN_MS });
      const cancel = this.#clock.schedule(this.#limits.waitMs, leave);
      const waiter: Waiter = {
        ...wanted,
        settle: (turn) => {
          cancel();
          gone.removeEventListener("abort", leave);
          this.#remove(waiter);
          resolve(turn);
        },
      };
      gone.addEventListener("abort", leave, { once: true });
      const line = this.#lines.get(sender);
      if (line === undefined) this.#lines.set(sender, [waiter]);
      else line.push(waiter);
      this.#pump();
    });
  }

  /** Gives turns to those that wait, as many as may have one now. */
  #pump(): void {
    this.#cancelPump?.();
    this.#cancelPump = undefined;
    let soonestMs = Infinity;
    let line = this.#lines.entries().next();
    for (let senders = this.#lines.size; senders > 0 && !line.done; line = this.#lines.entries().next()) {
      const [sender, waiters] = line.value;
      const next = waiters.at(-1);
      // To the end of the rotation; one that had its turn may have another after all others.
      this.#lines.delete(sender);
      this.#lines.set(sender, waiters);
      senders -= 1;
      if (next === undefined || !this.#hasRoom(next)) continue;
      const afterMs = sender.bucket.take();
      if (afterMs > 0) {
        soonestMs = Math.min(soonestMs, afterMs);
        continue;
      }
      next.settle(this.#begin(next));
      senders = this.#lines.size;
    }
    if (soonestMs < Infinity) this.#cancelPump = this.#clock.schedule(soonestMs, () => this.#pump());
  }

  #hasRoom({ bytes }: TurnRequest): boolean {
    if (this.#inFlight === 0) return true;
    return this.#inFlight < this.#limits.atOnce && this.#bytes + bytes <= this.#limits.bytes;
  }

  #begin({ bytes }: TurnRequest): Turn {
    this.#inFlight += 1;
    this.#bytes += bytes;
    return {
      end: () => {
        this.#inFlight -= 1;
        this.#bytes -= bytes;
        this.#pump();
      },
    };
  }

  #remove(waiter: Waiter): void {
    const waiters = this.#lines.get(waiter.sender);
    waiters?.splice(waiters.lastIndexOf(waiter), 1);
    if (waiters?.length === 0) this.#lines.delete(waiter.sender);
  }
}
