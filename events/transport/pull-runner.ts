import { DeadlinePassed } from "#events/hub/attempts.ts";
import { dispatchEvent } from "#events/transport/cloud-event.ts";
import { PullLease } from "#events/transport/pull-lease.ts";
import { POLL_MS, type Grant, type Leaving, type Renewed } from "#events/transport/pull-protocol.ts";
import { PullQueue, type WaitingDispatch } from "#events/transport/pull-queue.ts";
import {
  RunnerFault,
  type Dispatch,
  type Runner,
  type RunnerPods,
  type RunResult,
} from "#events/transport/runner.ts";
import { resultOf } from "#events/transport/wire.ts";
import type { Clock } from "#platform/process/clock.ts";

/** What happens between hub and pods, for logs, metrics and the scaler. */
export type PullEvent =
  /** Work of the function came, was taken, or ended. */
  | { readonly kind: "demand"; readonly function: string }
  | { readonly kind: "leased"; readonly function: string; readonly attempt: string; readonly holder: string }
  /** Nobody came for it in time. */
  | { readonly kind: "unclaimed"; readonly function: string; readonly attempt: string }
  /** The pod that had it neither answered nor renewed in time. */
  | { readonly kind: "expired"; readonly function: string; readonly attempt: string; readonly holder: string }
  /** An outcome came for a lease that is no more; it is dropped. */
  | { readonly kind: "late" };

export interface PullRunnerOptions {
  readonly clock: Clock;
  readonly observe: (event: PullEvent) => void;
  /** How long from now on nobody else can lead, ms, and so how long a pod may act; 0 when this process may not. Without end when left out. */
  readonly leadLeftMs?: (() => number) | undefined;
  /** Longest time a dispatch waits for a pod, ms; 30 s when left out. */
  readonly longestWaitMs?: number | undefined;
}

/**
 * Hands dispatches to pods that come for them, one lease each. A pod may write as long as its lease lasts by its own clock, the hub gives the key to others
 * only when that is over and some time more: neither trusts the other's clock, only that both run equally fast. Nothing is handed out a second time,
 * unless the pod said that it has not begun.
 */
export class PullRunner implements Runner {
  readonly #options: PullRunnerOptions;
  readonly #queue: PullQueue;
  readonly #leases = new Map<string, PullLease>();
  readonly pods: RunnerPods;
  #stopping = false;

  constructor(options: PullRunnerOptions) {
    const longestWaitMs = options.longestWaitMs ?? 30_000;
    this.#options = options;
    this.#queue = new PullQueue(options.clock, longestWaitMs, (work) => this.#unclaimed(work));
    this.pods = {
      longestWaitMs,
      dependencyOf: podsOf,
      standing: (token) => this.#standing(token),
    };
  }

  run(dispatch: Dispatch): Promise<RunResult> {
    const { token, signal } = dispatch.attempt;
    return new Promise<RunResult>((resolve, reject) => {
      const abandoned = () => {
        this.#withdraw(token);
        resolve({ token, outcomes: new Map(), written: [], fault: signal.reason });
      };
      if (signal.aborted || this.#stopping) {
        abandoned();
        return;
      }
      signal.addEventListener("abort", abandoned, { once: true });
      const over = () => signal.removeEventListener("abort", abandoned);
      this.#queue.add({
        dispatch,
        resolve: (result) => (over(), resolve(result)),
        reject: (fault) => (over(), reject(fault)),
        since: this.#options.clock.monotonic(),
      });
      this.#demand(dispatch);
    });
  }

  /** Work of a function in line and in the hands of pods. */
  demand(name: string): { readonly waiting: number; readonly leased: number } {
    const leased = [...this.#leases.values()].filter(({ work }) => work.dispatch.function.name === name);
    return { waiting: this.#queue.count(name), leased: leased.length };
  }

  /** A pod asks for work. Undefined when there was none until {@link POLL_MS}, or the pod has gone. */
  async lease(functions: readonly string[], holder: string, gone: AbortSignal): Promise<Grant | undefined> {
    const asked = this.#options.clock.monotonic();
    for (;;) {
      if (gone.aborted || !this.#mayLease()) return undefined;
      const work = this.#queue.take(functions) ?? (await this.#wait(functions, holder, { asked, gone }));
      if (work === undefined) return undefined;
      // A pod that has gone meanwhile, or objects that have, leave the work to the next, or none.
      if (gone.aborted || !this.#mayLease()) {
        this.#queue.add(work, true);
        return undefined;
      }
      const event = eventOf(work);
      if (event === undefined) {
        this.#demand(work.dispatch);
        continue;
      }
      const lease = new PullLease(work, holder, {
        clock: this.#options.clock,
        leadLeftMs: () => this.#leadLeftMs(),
        expired: (expired) => this.#expired(expired),
      });
      this.#leases.set(lease.id, lease);
      const { function: fn, attempt } = work.dispatch;
      this.#options.observe({ kind: "leased", function: fn.name, attempt: attempt.token, holder });
      const heldMs = this.#options.clock.monotonic() - asked;
      return {
        lease: lease.id,
        function: fn.name,
        heldMs,
        lastsMs: lease.extend(),
        deadlineMs: fn.timeoutMs,
        event,
      };
    }
  }

  /** The function a lease is of; undefined when there is no such lease any more. */
  functionOf(id: string): string | undefined {
    return this.#leases.get(id)?.work.dispatch.function.name;
  }

  /** A pod goes on with its step. Undefined when it must not: the lease is no more. Held for a while. */
  async renew(id: string): Promise<Renewed | undefined> {
    const { clock } = this.#options;
    const asked = clock.monotonic();
    if (this.#leadLeftMs() <= 0) return undefined;
    const lastsMs = await this.#leases.get(id)?.held();
    if (lastsMs === undefined) return undefined;
    return { heldMs: clock.monotonic() - asked, lastsMs };
  }

  /** What a pod says came of its step. `gone`: too late, nothing of it counts. */
  outcome(id: string, answer: unknown): "taken" | "garbage" | "gone" {
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      this.#options.observe({ kind: "late" });
      return "gone";
    }
    const { work } = lease;
    this.#end(lease);
    try {
      const result = resultOf(answer);
      if (result.token !== work.dispatch.attempt.token)
        throw platformFault("the answer is to another attempt");
      const overran = this.#options.clock.monotonic() >= lease.deadline;
      work.resolve({ ...result, overran });
      return "taken";
    } catch (error) {
      work.reject(error instanceof RunnerFault ? error : new RunnerFault(error));
      return error instanceof RunnerFault ? "garbage" : "taken";
    } finally {
      this.#demand(work.dispatch);
    }
  }

  /** A process ends: it asks no more, and what it has not begun goes to the next one. */
  leave(functions: readonly string[], { holder, keeps }: Leaving): void {
    const isOne = (name: string) => functions.includes(name);
    this.#queue.dismiss((asking) => asking.holder === holder && asking.functions.every(isOne));
    for (const lease of this.#leases.values()) {
      if (lease.holder !== holder || !isOne(lease.work.dispatch.function.name) || keeps.includes(lease.id))
        continue;
      this.#end(lease);
      this.#queue.add(lease.work, true);
      this.#demand(lease.work.dispatch);
    }
  }

  /** Nothing is handed out any more, and what waits is given back to the hub; what pods have may end. */
  stop(): void {
    this.#stopping = true;
    this.#queue.dismiss(() => true);
    for (const work of this.#queue.clear()) {
      work.reject(platformFault("the hub stops"));
      this.#demand(work.dispatch);
    }
  }

  #leadLeftMs(): number {
    return this.#options.leadLeftMs?.() ?? Infinity;
  }

  #mayLease(): boolean {
    return !this.#stopping && this.#leadLeftMs() > 0;
  }

  async #wait(
    functions: readonly string[],
    holder: string,
    { asked, gone }: { asked: number; gone: AbortSignal },
  ): Promise<WaitingDispatch | undefined> {
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<WaitingDispatch | undefined>();
    const withdraw = this.#queue.ask({ holder, functions, answer: resolve });
    const end = () => resolve(undefined);
    const cancel = clock.schedule(asked + POLL_MS - clock.monotonic(), end);
    gone.addEventListener("abort", end, { once: true });
    const work = await promise;
    withdraw();
    cancel();
    gone.removeEventListener("abort", end);
    return work;
  }

  #unclaimed({ dispatch, reject }: WaitingDispatch): void {
    const { function: fn, attempt } = dispatch;
    this.#options.observe({ kind: "unclaimed", function: fn.name, attempt: attempt.token });
    const said = `no pod of ${fn.name} came for it within ${this.pods.longestWaitMs} ms`;
    reject(platformFault(said, podsOf(fn.name)));
    this.#demand(dispatch);
  }

  #expired(lease: PullLease): void {
    const { dispatch, resolve, reject } = lease.work;
    const { function: fn, attempt } = dispatch;
    const { holder } = lease;
    this.#end(lease);
    this.#options.observe({ kind: "expired", function: fn.name, attempt: attempt.token, holder });
    // A pod that is there to the end is just too slow, which is the step's own fault; one that fell silent is not.
    if (lease.atDeadline) {
      const fault = new DeadlinePassed(`attempt ${attempt.token} of ${fn.name} passed its deadline`);
      const token = attempt.token;
      resolve({ token, outcomes: new Map(), written: [], fault, overran: true });
    } else reject(platformFault("the pod that had it fell silent, and its lease ran out"));
    this.#demand(dispatch);
  }

  #end(lease: PullLease): void {
    this.#leases.delete(lease.id);
    lease.end();
  }

  /** The hub does not wait for the attempt any more. */
  #withdraw(token: string): void {
    this.#queue.withdraw(token);
    const lease = this.#leaseOf(token);
    if (lease !== undefined) this.#end(lease);
  }

  #leaseOf(token: string): PullLease | undefined {
    return [...this.#leases.values()].find(({ work }) => work.dispatch.attempt.token === token);
  }

  #standing(token: string): string | undefined {
    const lease = this.#leaseOf(token);
    if (lease !== undefined) return `runs in ${lease.holder}`;
    const work = this.#queue.find(token);
    return work && `waits for a pod of ${work.dispatch.function.name}`;
  }

  #demand({ function: fn }: Dispatch): void {
    this.#options.observe({ kind: "demand", function: fn.name });
  }
}

function platformFault(said: string, dependency?: string): RunnerFault {
  return new RunnerFault(new Error(said), { said, dependency });
}

function podsOf(name: string): string {
  return `pods of ${name}`;
}

/** The dispatch for the wire. Undefined when there is nothing to run: its result has been given then. */
function eventOf({ dispatch, resolve, reject }: WaitingDispatch): unknown {
  try {
    const event = dispatchEvent(dispatch)?.toJSON();
    if (event === undefined) resolve({ token: dispatch.attempt.token, outcomes: new Map(), written: [] });
    return event;
  } catch (error) {
    reject(new RunnerFault(error));
    return undefined;
  }
}
