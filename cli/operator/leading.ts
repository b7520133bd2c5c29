import { competeForLeadership, type Leadership } from "#events/hub/leadership.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import type { ObjectName } from "#platform/kube/resource.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { Log } from "#platform/observability/log.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface LeadingOptions {
  readonly management: ConnectionConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** The Lease that is competed for. */
  readonly lease: ObjectName;
  /** Time after which a leader that is not heard of is followed, whole seconds. */
  readonly leaseSeconds: number;
}

/** One process among several that may act. */
export interface Leading {
  /** Resolves when this process leads. */
  readonly leads: Promise<{ epoch: number }>;
  /** Resolves with the reason when it leads no more; it must not act from then on. */
  readonly lost: Promise<string>;
  /** Whether it is known who leads. */
  readonly decided: boolean;
  /** Whether it may act at this moment, by the clock; see {@link Leadership.mayAct}. */
  mayAct(): boolean;
  /** How long from now on nobody else can lead, ms; see {@link Leadership.leaseLeftMs}. */
  leaseLeftMs(): number;
  release(): Promise<void>;
}

/** A leader renews four times in the life of its Lease, and gives up when three quarters of it have gone by without an answer. */
function timesOf(leaseSeconds: number) {
  const leaseMs = leaseSeconds * 1000;
  return { leaseMs, giveUpMs: (leaseMs * 3) / 4, retryMs: leaseMs / 4 };
}

/** A Lease that cannot be given back in this time, ms, runs out by itself. */
const LONGEST_RELEASE_MS = 3_000;

/** Competes for a Lease, `capfn-hub` as a rule, with a client of its own, so that a busy request budget cannot cost the lead. */
export function untilLeading(options: LeadingOptions): Leading {
  const { management, clock, random, log, lease, leaseSeconds } = options;
  const client = createKubeClient(management, { clock, random, userAgent: "capfn/leader" });
  const leads = Promise.withResolvers<{ epoch: number }>();
  const lost = Promise.withResolvers<string>();
  const leadership: Leadership = competeForLeadership({
    client,
    clock,
    random,
    lease,
    ...timesOf(leaseSeconds),
    identity: `capfn_${crypto.randomUUID()}`,
    onLead: (epoch) => leads.resolve({ epoch }),
    onLost: (reason) => lost.resolve(`leadership lost: ${reason}`),
    onTrouble: (error) =>
      log.warn(
        { error: error instanceof Error ? error.name : "unknown" },
        "the Lease could not be read or written",
      ),
  });
  return {
    leads: leads.promise,
    lost: lost.promise,
    get decided() {
      return leadership.decided;
    },
    mayAct: () => leadership.mayAct(),
    leaseLeftMs: () => leadership.leaseLeftMs(),
    release: async () => {
      const cancel = clock.schedule(LONGEST_RELEASE_MS, () => client.close());
      await leadership.release();
      cancel();
      client.close();
    },
  };
}
