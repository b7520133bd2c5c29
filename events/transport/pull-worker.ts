import type { PullHub } from "#events/transport/pull-hub.ts";
import { grantSchema, type Grant, type Leaving } from "#events/transport/pull-protocol.ts";
import { runPulled, type PulledEnd } from "#events/transport/pull-step.ts";
import type { ServedSteps } from "#events/transport/served-step.ts";
import { sleep, type Clock } from "#platform/process/clock.ts";
import { momentOf } from "#platform/process/fence.ts";

export interface PullWorkerOptions {
  readonly hub: PullHub;
  /** Names of the functions whose work is taken. */
  readonly functions: readonly string[];
  /** Names this process and no other. */
  readonly holder: string;
  readonly version: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Steps that run at once. */
  readonly concurrency: number;
  /** Loads what steps need. Called once the first question for work has left, so that the answer is on its way meanwhile. */
  readonly load: () => Promise<ServedSteps>;
  /** Hears of how each step ended that was not told to the hub as usual. */
  readonly ended: (name: string, end: PulledEnd) => void;
  /** Hears of questions for work that failed: with a status of HTTP, or because nobody answered. */
  readonly trouble: (status: number | undefined) => void;
}

export interface PullWorker {
  /** Whether the hub answered the last question. */
  readonly connected: boolean;
  /** Resolves when steps can run. Rejects when what they need cannot be loaded. */
  readonly loaded: Promise<void>;
  /** Resolves after {@link drain}. Rejects when what steps need cannot be loaded. */
  readonly over: Promise<void>;
  /** Takes no more work, gives back what has not begun, and resolves when the steps under way have ended. */
  drain(): Promise<void>;
}

/** Pauses before the hub is asked again after it did not answer, ms; the first is short, for a hub that has just been replaced. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

/** Longest time giving back may take, ms. */
const LEAVING_MS = 2_000;

/** Takes work from the hub, runs it, and tells what came of it, until it is drained. The first question leaves before anything else is done. */
export function startPullWorker(options: PullWorkerOptions): PullWorker {
  const worker = new Worker(options);
  worker.start();
  return worker;
}

class Worker implements PullWorker {
  readonly #options: PullWorkerOptions;
  readonly #path: string;
  readonly #running = new Set<string>();
  readonly #draining = new AbortController();
  /** Ends questions that are held. */
  readonly #asking = new AbortController();
  /** The first question has left, or could not. */
  readonly #asked = Promise.withResolvers<void>();
  readonly #steps: Promise<ServedSteps>;
  #newestEpoch = 0;
  #over = Promise.resolve();
  connected = false;

  constructor(options: PullWorkerOptions) {
    this.#options = options;
    this.#path = options.functions.join(",");
    this.#steps = this.#asked.promise.then(() => options.load());
  }

  get loaded(): Promise<void> {
    return this.#steps.then(() => undefined);
  }

  get over(): Promise<void> {
    return this.#over;
  }

  start(): void {
    const loops = Array.from({ length: this.#options.concurrency }, () => this.#work());
    this.#over = Promise.all([this.#steps, ...loops]).then(() => undefined);
  }

  async drain(): Promise<void> {
    this.#draining.abort(new Error("the process ends"));
    await this.#leave();
    this.#asking.abort(new Error("the process ends"));
    await this.#over;
  }

  async #work(): Promise<void> {
    let failures = 0;
    while (!this.#draining.signal.aborted) {
      const sentAt = momentOf(this.#options.clock);
      const asked = await this.#ask();
      if (asked === undefined) {
        failures += 1;
        await this.#pause(failures);
        continue;
      }
      failures = 0;
      if (asked.grant === undefined) continue;
      if (this.#draining.signal.aborted) await this.#leave();
      else await this.#run(asked.grant, sentAt);
    }
  }

  async #run(grant: Grant, sentAt: ReturnType<typeof momentOf>): Promise<void> {
    const { hub, clock, ended } = this.#options;
    this.#running.add(grant.lease);
    const accepts = (epoch: number) => {
      if (epoch < this.#newestEpoch) return false;
      this.#newestEpoch = epoch;
      return true;
    };
    const end = await runPulled({ hub, clock, grant, sentAt, accepts, steps: await this.#steps });
    this.#running.delete(grant.lease);
    if (end !== "told") ended(grant.function, end);
  }

  /** One question for work; undefined when it failed, without a grant when there is none now. */
  async #ask(): Promise<{ grant: Grant | undefined } | undefined> {
    const { hub, holder, version, trouble } = this.#options;
    const body = { holder, version };
    const answer = await hub
      .post(`/lease/${this.#path}`, body, { signal: this.#asking.signal, sent: this.#asked.resolve })
      .catch(() => undefined);
    this.#asked.resolve();
    const grant = answer?.status === 200 ? grantSchema.safeParse(answer.json).data : undefined;
    this.connected = answer?.status === 204 || grant !== undefined;
    if (this.connected) return { grant };
    if (!this.#draining.signal.aborted) trouble(answer?.status);
    return undefined;
  }

  async #leave(): Promise<void> {
    const { hub, holder, clock } = this.#options;
    const leaving: Leaving = { holder, keeps: [...this.#running] };
    const limit = new AbortController();
    const cancel = clock.schedule(LEAVING_MS, () => limit.abort(new Error("the hub does not answer")));
    // What it does not hear now it learns when the leases run out.
    await hub.post(`/leave/${this.#path}`, leaving, { signal: limit.signal }).catch(() => undefined);
    cancel();
  }

  async #pause(failures: number): Promise<void> {
    const { clock, random } = this.#options;
    const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10));
    await sleep(clock, ms * (0.5 + random() / 2), this.#draining.signal).catch(() => undefined);
  }
}
