import { competeForLeadership, type Leadership } from "#events/hub/leadership.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { Log } from "#platform/observability/log.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface LeadingOptions {
  readonly management: ConnectionConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Namespace of the Lease. */
  readonly namespace: string;
}

/** One process among several that may act. */
export interface Leading {
  /** Resolves when this process leads. */
  readonly leads: Promise<{ epoch: number }>;
  /** Resolves with the reason when it leads no more; it must not act from then on. */
  readonly lost: Promise<string>;
  /** Whether it may act at this moment, by the clock; see {@link Leadership.mayAct}. */
  mayAct(): boolean;
  release(): Promise<void>;
}

/** As client-go's leader election has them, so that a dead leader is followed within 20 s. */
const LEASE_TIMES = { leaseMs: 15_000, giveUpMs: 10_000, retryMs: 2_000 };

/** A Lease that cannot be given back in this time, ms, runs out by itself. */
const LONGEST_RELEASE_MS = 3_000;

/** Competes for the Lease `capfn-hub` with a client of its own, so that a busy request budget cannot cost the lead. */
export function untilLeading({ management, clock, random, log, namespace }: LeadingOptions): Leading {
  const client = createKubeClient(management, { clock, random, userAgent: "capfn/leader" });
  const leads = Promise.withResolvers<{ epoch: number }>();
  const lost = Promise.withResolvers<string>();
  const leadership: Leadership = competeForLeadership({
    client,
    clock,
    random,
    lease: { namespace, name: "capfn-hub" },
    ...LEASE_TIMES,
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
    mayAct: () => leadership.mayAct(),
    release: async () => {
      const cancel = clock.schedule(LONGEST_RELEASE_MS, () => client.close());
      await leadership.release();
      cancel();
      client.close();
    },
  };
}
