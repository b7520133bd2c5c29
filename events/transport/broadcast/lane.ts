import type { BroadcastMessage } from "#events/transport/broadcast/message.ts";
import type { Clock } from "#platform/process/clock.ts";

/** Where messages go. */
export interface BroadcastSink {
  /** Resolves when the receiver has it for good. Throws {@link RefusedMessage} when it never will, anything else when it may later. */
  send(message: BroadcastMessage): Promise<void>;
  close(): Promise<void>;
}

/** The receiver will never take this message: it is dropped, and what follows goes on. */
export class RefusedMessage extends Error {
  override readonly name = "RefusedMessage";
}

/** The receiver takes nothing now. The message says what a person can do, and quotes nothing. */
export class ReceiverTrouble extends Error {
  override readonly name = "ReceiverTrouble";
  /** How long it asked to wait, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export interface LaneOptions {
  readonly sink: BroadcastSink;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told of each message that left the lane. `dropped`: the oldest, because the buffer was full. */
  readonly count: (result: "sent" | "dropped" | "refused") => void;
  /** Told when a message could not be sent now, or at all. */
  readonly trouble: (error: Error) => void;
  readonly limits?: Partial<LaneLimits>;
}

export interface LaneLimits {
  /** Messages that are kept. */
  readonly messages: number;
  /** Bytes of body that are kept. */
  readonly bytes: number;
  /** Messages that are sent at once, each of another partition key. */
  readonly inFlight: number;
  /** First and longest pause after a failure, ms; it doubles in between, with jitter. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

const defaultLimits: LaneLimits = {
  messages: 10_000,
  bytes: 8 << 20,
  inFlight: 32,
  firstPauseMs: 250,
  longestPauseMs: 30_000,
};

/** So far ahead is looked for a message whose key is free: many messages of one key must not cost more and more. */
const LOOK_AHEAD = 256;

interface Waiting {
  readonly message: BroadcastMessage;
  readonly bytes: number;
  inFlight: boolean;
}

/**
 * The way out for observers: a buffer with an end, and a sender that works it off, in order within a partition key. It takes a message in no time and
 * never throws; what does not fit is dropped, oldest first, and counted. At least once: a message whose answer was lost is sent again.
 */
export class BroadcastLane {
  readonly #options: LaneOptions;
  readonly #limits: LaneLimits;
  /** In the order they came. */
  readonly #waiting = new Set<Waiting>();
  readonly #busyKeys = new Set<string>();
  #bytes = 0;
  #inFlight = 0;
  #failures = 0;
  #cancelPause: (() => void) | undefined;
  #drained: (() => void) | undefined;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  get buffered(): number {
    return this.#waiting.size;
  }

  /** Takes a message to be sent soon. */
  push(message: BroadcastMessage): void {
    if (this.#closed) return;
    const bytes = message.body.length + JSON.stringify(message.attributes).length;
    this.#waiting.add({ message, bytes, inFlight: false });
    this.#bytes += bytes;
    this.#makeRoom();
    this.#pump();
  }

  /** Sends what is left for so long, ms, at most. */
  async close(graceMs: number): Promise<void> {
    if (this.#waiting.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#drained = resolve;
      const cancel = this.#options.clock.schedule(graceMs, resolve);
      await promise;
      cancel();
    }
    this.#closed = true;
    this.#cancelPause?.();
    await this.#options.sink.close().catch(() => undefined);
  }

  #makeRoom(): void {
    const { messages, bytes } = this.#limits;
    for (const each of this.#waiting) {
      if (this.#waiting.size <= messages && this.#bytes <= bytes) return;
      if (each.inFlight) continue;
      this.#remove(each);
      this.#options.count("dropped");
    }
  }

  #remove(each: Waiting): void {
    if (!this.#waiting.delete(each)) return;
    this.#bytes -= each.bytes;
    if (this.#waiting.size === 0) this.#drained?.();
  }

  #pump(): void {
    if (this.#closed || this.#cancelPause !== undefined) return;
    let looked = 0;
    for (const each of this.#waiting) {
      if (this.#inFlight >= this.#limits.inFlight || looked >= LOOK_AHEAD) return;
      looked += 1;
      if (!each.inFlight && !this.#busyKeys.has(each.message.partitionKey)) this.#send(each);
    }
  }

  #send(each: Waiting): void {
    const { partitionKey } = each.message;
    each.inFlight = true;
    this.#inFlight += 1;
    this.#busyKeys.add(partitionKey);
    const ended = (): void => {
      each.inFlight = false;
      this.#inFlight -= 1;
      this.#busyKeys.delete(partitionKey);
    };
    this.#attempt(each.message).then(
      () => {
        ended();
        this.#failures = 0;
        this.#remove(each);
        this.#options.count("sent");
        this.#pump();
      },
      (error: unknown) => {
        ended();
        this.#failed(each, error instanceof Error ? error : new Error("the receiver failed"));
      },
    );
  }

  async #attempt(message: BroadcastMessage): Promise<void> {
    await this.#options.sink.send(message);
  }

  #failed(each: Waiting, error: Error): void {
    this.#options.trouble(error);
    if (error instanceof RefusedMessage) {
      this.#remove(each);
      this.#options.count("refused");
      this.#pump();
      return;
    }
    this.#makeRoom();
    if (this.#cancelPause !== undefined || this.#closed) return;
    const { clock, random } = this.#options;
    const { firstPauseMs, longestPauseMs } = this.#limits;
    const asked = error instanceof ReceiverTrouble ? error.retryAfterMs : undefined;
    const backoff = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    this.#cancelPause = clock.schedule(asked ?? backoff * (0.5 + random() / 2), () => {
      this.#cancelPause = undefined;
      this.#pump();
    });
  }
}
