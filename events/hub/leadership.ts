import * as z from "zod";
import type { KubeReader, KubeWriter } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf, type KubeObject, type ObjectName } from "#platform/kube/resource.ts";
import { leases } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";
import { momentOf, sinceMoment, type Moment } from "#platform/process/fence.ts";

export interface LeadershipOptions {
  readonly client: KubeReader & KubeWriter;
  readonly clock: Clock;
  readonly random: () => number;
  /** The Lease (coordination.k8s.io/v1) that candidates compete for. */
  readonly lease: ObjectName;
  /** Names this process and no other, also not an earlier one of the same pod, e.g. `<pod>_<random uuid>`. */
  readonly identity: string;
  /** A holder that has not renewed for this long, ms, is taken to be gone. Whole seconds; 30 s when left out. */
  readonly leaseMs?: number;
  /** A holder that could not renew for this long, ms, gives up by itself; shorter than the lease, so that it stops before another begins. */
  readonly giveUpMs?: number;
  /** Pause between two tries, ms. */
  readonly retryMs?: number;
  /** This process leads. `epoch` is larger than that of every earlier leader: the Lease's `leaseTransitions`. */
  readonly onLead: (epoch: number) => void;
  /** It leads no more, and may not act from now on. Called at most once; it does not compete again. */
  readonly onLost: (reason: string) => void;
  /** A try failed; it is repeated. For logs: a Lease that may not be read would otherwise be waited for in silence. */
  readonly onTrouble?: (error: unknown) => void;
}

export interface Leadership {
  readonly leading: boolean;
  /**
   * Whether this process may act at this very moment, by the clock and not by a timer that may be late: one that slept past its right, in a
   * paused machine say, finds out here, before it acts. The lead is lost from then on.
   */
  mayAct(): boolean;
  /** Stops competing and, if it leads, gives the Lease back so that the next need not wait. {@link LeadershipOptions.onLost} is not called. */
  release(): Promise<void>;
}

const specSchema = z.looseObject({
  spec: z
    .looseObject({
      holderIdentity: z.string().nullish(),
      leaseDurationSeconds: z.number().nullish(),
      leaseTransitions: z.number().nullish(),
      renewTime: z.string().nullish(),
    })
    .prefault({}),
});

type LeaseSpec = z.infer<typeof specSchema>["spec"];

/** Somebody else's Lease. */
interface Observed {
  readonly version: string;
  readonly since: number;
  readonly leaseMs: number;
  readonly epoch: number;
}

/**
 * Competes for a Lease until it is held, and holds it. Whether another holder is alive is told by whether its Lease changes while we look,
 * by our own monotonic clock: clocks of two machines are never compared (Kubernetes, "Leases"; the algorithm of client-go's leader election).
 */
export function competeForLeadership(options: LeadershipOptions): Leadership {
  const candidate = new Candidate(options);
  candidate.start();
  return candidate;
}

class Candidate implements Leadership {
  readonly #options: Required<LeadershipOptions>;
  /** The other's Lease as last seen, and since when, monotonic ms. */
  #observed: Observed | undefined;
  /** While leading. */
  #epoch = 0;
  /** When the last successful write of ours was sent; undefined while not leading. */
  #renewedAt: Moment | undefined;
  #ended = false;
  #cancelTry: (() => void) | undefined;
  #cancelGiveUp: (() => void) | undefined;
  /** Aborts a try that outlives the right to lead. */
  readonly #end = new AbortController();

  constructor(options: LeadershipOptions) {
    this.#options = {
      leaseMs: 30_000,
      giveUpMs: 20_000,
      retryMs: 5_000,
      onTrouble: () => undefined,
      ...options,
    };
    const { leaseMs, giveUpMs, retryMs } = this.#options;
    if (giveUpMs >= leaseMs || retryMs >= giveUpMs)
      throw new Error("leader election needs retryMs < giveUpMs < leaseMs; set them so");
  }

  get leading(): boolean {
    return this.#renewedAt !== undefined && !this.#ended;
  }

  mayAct(): boolean {
    if (this.#renewedAt === undefined || this.#ended) return false;
    if (this.#leftMs(this.#renewedAt) > 0) return true;
    this.#lose(this.#notRenewed());
    return false;
  }

  start(): void {
    void this.#try();
  }

  async release(): Promise<void> {
    const wasLeading = this.leading;
    this.#stop();
    if (!wasLeading) return;
    const { client, lease, identity } = this.#options;
    try {
      const current = await client.get(leases, lease);
      if (current === undefined || specOf(current).holderIdentity !== identity) return;
      await client.replace(
        leases,
        withSpec(current, { holderIdentity: "", leaseDurationSeconds: 1, renewTime: this.#now() }),
      );
    } catch {
      // Not given back: the next leader waits until it has run out.
    }
  }

  async #try(): Promise<void> {
    const { clock, retryMs, random } = this.#options;
    const sentAt = momentOf(clock);
    try {
      const epoch = await this.#acquireOrRenew();
      if (this.#ended) return;
      if (epoch !== undefined) this.#held(sentAt, epoch);
    } catch (error) {
      if (this.#ended) return;
      this.#options.onTrouble(error);
      // Another was quicker, or the API server does not answer. While leading, the right lasts until giveUpMs have gone by.
      if (this.leading && isKubeError(error, "forbidden", "unauthorized")) {
        this.#lose(`the Lease may not be written: ${error.reason}`);
        return;
      }
    }
    if (!this.#ended) this.#cancelTry = clock.schedule(retryMs * (1 + random() / 5), () => void this.#try());
  }

  /** The Lease's transitions if it is ours now; undefined while it is somebody else's. */
  async #acquireOrRenew(): Promise<number | undefined> {
    const { client, lease, identity } = this.#options;
    const { signal } = this.#end;
    const current = await client.get(leases, lease, { signal });
    if (current === undefined) return this.#make();
    const spec = specOf(current);
    if (spec.holderIdentity === identity)
      return epochOf(await client.replace(leases, withSpec(current, this.#ours()), { signal }));
    if (this.leading) {
      this.#lose(`the Lease is held by ${spec.holderIdentity ?? "nobody"}`);
      return undefined;
    }
    if (!this.#isFree(current, spec)) return undefined;
    const taken = { acquireTime: this.#now(), leaseTransitions: (spec.leaseTransitions ?? 0) + 1 };
    return epochOf(
      await client.replace(leases, withSpec(current, { ...this.#ours(), ...taken }), { signal }),
    );
  }

  /**
   * There is no Lease: never was, or somebody has deleted it. Who leads makes it anew. A holder that was seen may not know yet and still act, so
   * the others give it the time it was promised; client-go does not, and may have two leaders then.
   */
  async #make(): Promise<number | undefined> {
    const { client, lease } = this.#options;
    const wasLeading = this.leading;
    if (!wasLeading && !this.#hasRunOut()) return undefined;
    const metadata = { name: lease.name, namespace: lease.namespace };
    const leaseTransitions = wasLeading ? this.#epoch : (this.#observed?.epoch ?? -1) + 1;
    const spec = { ...this.#ours(), acquireTime: this.#now(), leaseTransitions };
    const made = { apiVersion: apiVersionOf(leases), kind: leases.kind, metadata, spec };
    try {
      return epochOf(await client.create(leases, made, { signal: this.#end.signal }));
    } catch (error) {
      if (!wasLeading || !isKubeError(error, "alreadyExists")) throw error;
      this.#lose("the Lease was deleted, and another has taken it");
      return undefined;
    }
  }

  #isFree(current: KubeObject, { holderIdentity, leaseDurationSeconds }: LeaseSpec): boolean {
    if ((holderIdentity ?? "") === "") return true;
    const { resourceVersion: version } = current.metadata;
    if (this.#observed?.version !== version) {
      const since = this.#options.clock.monotonic();
      const leaseMs = (leaseDurationSeconds ?? 0) * 1000 || this.#options.leaseMs;
      this.#observed = { version, since, leaseMs, epoch: epochOf(current) };
    }
    return this.#hasRunOut();
  }

  /** Whether the holder that was seen, if any, has had its time since it last said something. */
  #hasRunOut(): boolean {
    if (this.#observed === undefined) return true;
    const { since, leaseMs } = this.#observed;
    return this.#options.clock.monotonic() - since >= leaseMs;
  }

  /** The right lasts from when the request was sent, not from when its answer came. */
  #held(sentAt: Moment, epoch: number): void {
    const { clock, onLead } = this.#options;
    const first = this.#renewedAt === undefined;
    const leftMs = this.#leftMs(sentAt);
    this.#cancelGiveUp?.();
    if (leftMs <= 0) {
      if (!first) this.#lose(this.#notRenewed());
      return;
    }
    this.#renewedAt = sentAt;
    this.#epoch = epoch;
    this.#cancelGiveUp = clock.schedule(leftMs, () => this.#lose(this.#notRenewed()));
    if (first) onLead(epoch);
  }

  /** Time left to act. */
  #leftMs(renewed: Moment): number {
    const { clock, giveUpMs } = this.#options;
    return giveUpMs - sinceMoment(clock, renewed);
  }

  #notRenewed(): string {
    return `the Lease could not be renewed within ${this.#options.giveUpMs} ms`;
  }

  #lose(reason: string): void {
    if (this.#ended) return;
    this.#stop();
    this.#options.onLost(reason);
  }

  #stop(): void {
    this.#ended = true;
    this.#cancelTry?.();
    this.#cancelGiveUp?.();
    this.#end.abort(new Error("no longer competing for the Lease"));
  }

  #ours() {
    const { identity, leaseMs } = this.#options;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMs / 1000),
      renewTime: this.#now(),
    };
  }

  /** `metav1.MicroTime`. */
  #now(): string {
    return new Date(this.#options.clock.now()).toISOString().replace("Z", "000Z");
  }
}

function specOf(lease: KubeObject): LeaseSpec {
  return specSchema.parse(lease).spec;
}

function epochOf(lease: KubeObject): number {
  return specOf(lease).leaseTransitions ?? 0;
}

function withSpec(lease: KubeObject, spec: Readonly<Record<string, unknown>>): KubeObject {
  return { ...lease, spec: { ...specOf(lease), ...spec } };
}
