import * as z from "zod";
import { watchLease } from "#events/hub/lease-watch.ts";
import type { KubeClient, KubeReader, KubeWriter } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { apiVersionOf, type KubeObject, type ObjectName } from "#platform/kube/resource.ts";
import { leases } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";
import { momentOf, sinceMoment, type Moment } from "#platform/process/fence.ts";

export interface LeadershipOptions {
  /** With `watch`, a candidate hears at once that the Lease was given back, and need not ask again and again. */
  readonly client: KubeReader & KubeWriter & Partial<Pick<KubeClient, "watch">>;
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
  /** Whether it is known who leads: the Lease was read, or written. */
  readonly decided: boolean;
  /**
   * Whether this process may act at this very moment, by the clock and not by a timer that may be late: one that slept past its right, in a
   * paused machine say, finds out here, before it acts. The lead is lost from then on.
   */
  mayAct(): boolean;
  /** How long from now on nobody else can lead, ms: the rest of the Lease. 0 when this process may not act. */
  leaseLeftMs(): number;
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
  /** resourceVersion; undefined while there is no Lease. */
  readonly version: string | undefined;
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
  /** Our own Lease as last written. */
  #ours: KubeObject | undefined;
  /** While leading. */
  #epoch = 0;
  #decided = false;
  /** When the last successful write of ours was sent; undefined while not leading. */
  #renewedAt: Moment | undefined;
  #ended = false;
  /** Counts tries: of two under way the younger goes on. */
  #tries = 0;
  #cancelTry: (() => void) | undefined;
  #cancelGiveUp: (() => void) | undefined;
  /** Aborts a try that outlives the right to lead. */
  readonly #end = new AbortController();
  /** Aborts the watch of somebody else's Lease. */
  readonly #won = new AbortController();

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

  get decided(): boolean {
    return this.#decided;
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

  leaseLeftMs(): number {
    if (!this.mayAct() || this.#renewedAt === undefined) return 0;
    return this.#options.leaseMs - sinceMoment(this.#options.clock, this.#renewedAt);
  }

  start(): void {
    void this.#try();
    const { client, lease, clock } = this.#options;
    if (client.watch === undefined) return;
    const end = AbortSignal.any([this.#end.signal, this.#won.signal]);
    watchLease({ watch: client.watch.bind(client) }, lease, { clock, signal: end }, (current) => {
      if (this.#ended || this.leading) return;
      const holder = current === undefined ? undefined : specOf(current).holderIdentity;
      if (current !== undefined) this.#observe(current);
      // One that was given back, or has gone, is looked at now; one that was renewed, when it will have run out.
      this.#tryAfter((holder ?? "") === "" ? 0 : this.#pauseMs());
    });
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

  #tryAfter(ms: number): void {
    this.#cancelTry?.();
    this.#cancelTry = this.#options.clock.schedule(ms, () => void this.#try());
  }

  /** Until the next try. A Lease that is watched is next looked at when it will have run out. */
  #pauseMs(): number {
    const { client, clock, retryMs, random } = this.#options;
    const retry = retryMs * (1 + random() / 5);
    if (this.leading || this.#observed === undefined) return retry;
    const { since, leaseMs } = this.#observed;
    const leftMs = since + leaseMs - clock.monotonic();
    if (leftMs <= 0) return retry;
    return client.watch === undefined ? Math.min(retry, leftMs) : leftMs;
  }

  async #try(): Promise<void> {
    const { clock } = this.#options;
    this.#tries += 1;
    const tries = this.#tries;
    this.#cancelTry = undefined;
    const sentAt = momentOf(clock);
    try {
      const epoch = await this.#acquireOrRenew();
      if (this.#ended) return;
      this.#decided = true;
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
    if (this.#ended || tries !== this.#tries) return;
    // While it was under way, news of the Lease may have asked for another.
    if (this.leading || this.#cancelTry === undefined) this.#tryAfter(this.#pauseMs());
  }

  /** The Lease's transitions if it is ours now; undefined while it is somebody else's. */
  async #acquireOrRenew(): Promise<number | undefined> {
    const { client, lease, identity } = this.#options;
    const { signal } = this.#end;
    const renewed = await this.#renewKnown();
    if (renewed !== undefined) return epochOf(renewed);
    const current = await client.get(leases, lease, { signal });
    if (current === undefined) return this.#make();
    const spec = specOf(current);
    if (spec.holderIdentity === identity) return this.#write(current, {});
    if (this.leading) {
      this.#lose(`the Lease is held by ${spec.holderIdentity ?? "nobody"}`);
      return undefined;
    }
    if (!this.#isFree(current, spec)) return undefined;
    const taken = { acquireTime: this.#now(), leaseTransitions: (spec.leaseTransitions ?? 0) + 1 };
    return this.#write(current, taken);
  }

  /** Renews what was written last without reading it first: half the requests of an idle hub. Undefined when it is not as it was. */
  async #renewKnown(): Promise<KubeObject | undefined> {
    const known = this.#ours;
    if (known === undefined || !this.leading) return undefined;
    try {
      this.#ours = await this.#options.client.replace(leases, withSpec(known, this.#mine()), {
        signal: this.#end.signal,
      });
      return this.#ours;
    } catch (error) {
      this.#ours = undefined;
      if (isKubeError(error, "conflict", "notFound")) return undefined;
      throw error;
    }
  }

  async #write(current: KubeObject, also: Readonly<Record<string, unknown>>): Promise<number> {
    const { client } = this.#options;
    const spec = { ...this.#mine(), ...also };
    this.#ours = await client.replace(leases, withSpec(current, spec), { signal: this.#end.signal });
    return epochOf(this.#ours);
  }

  /**
   * There is no Lease: never was, or somebody has deleted it. Who leads makes it anew. A holder, seen or not, may not know yet and still act, so
   * the others give it the time it was promised; client-go does not, and may have two leaders then.
   */
  async #make(): Promise<number | undefined> {
    const { client, lease, clock, leaseMs: ownLeaseMs } = this.#options;
    const wasLeading = this.leading;
    const since = clock.monotonic();
    this.#observed ??= { version: undefined, since, leaseMs: ownLeaseMs, epoch: -1 };
    if (!wasLeading && !this.#hasRunOut()) return undefined;
    const metadata = { name: lease.name, namespace: lease.namespace };
    const leaseTransitions = wasLeading ? this.#epoch : this.#observed.epoch + 1;
    const spec = { ...this.#mine(), acquireTime: this.#now(), leaseTransitions };
    const made = { apiVersion: apiVersionOf(leases), kind: leases.kind, metadata, spec };
    try {
      this.#ours = await client.create(leases, made, { signal: this.#end.signal });
      return epochOf(this.#ours);
    } catch (error) {
      if (!wasLeading || !isKubeError(error, "alreadyExists")) throw error;
      this.#lose("the Lease was deleted, and another has taken it");
      return undefined;
    }
  }

  #isFree(current: KubeObject, { holderIdentity }: LeaseSpec): boolean {
    if ((holderIdentity ?? "") === "") return true;
    this.#observe(current);
    return this.#hasRunOut();
  }

  /** Takes note of somebody else's Lease, and since when it is as it is. */
  #observe(current: KubeObject): void {
    const { resourceVersion: version } = current.metadata;
    if (this.#observed?.version === version) return;
    const since = this.#options.clock.monotonic();
    const leaseMs = (specOf(current).leaseDurationSeconds ?? 0) * 1000 || this.#options.leaseMs;
    this.#observed = { version, since, leaseMs, epoch: epochOf(current) };
  }

  /** Whether the holder that was seen, or the absence of any, has had its time since it last said something. */
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
    this.#won.abort(new Error("the Lease is held"));
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

  #mine() {
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
