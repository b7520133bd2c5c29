import { LEASE_SECONDS, type ClusterFlags } from "#cli/commands/flags.ts";
import { untilLeading } from "#cli/operator/leading.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { logStray } from "#cli/operator/observe.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import { shardOf, type ShardFlags } from "#cli/operator/shard.ts";
import { untilQuiet } from "#cli/operator/quiet.ts";
import type { Terminal } from "#cli/terminal.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { createLog } from "#platform/observability/log.ts";
import { sleep } from "#platform/process/clock.ts";

export interface HubFlags extends ClusterFlags, ShardFlags {
  readonly once?: boolean;
  readonly ledgerNamespace: string;
  readonly timeoutSeconds: number;
}

/** Longest wait for the Lease, ms: longer than a dead holder keeps it. */
const LEASE_WAIT_MS = 20_000;

/** One pass over everything, unless a hub that holds the Lease is alive; throws when it does not come to rest in time. */
export async function pass(flags: HubFlags, terminal: Terminal): Promise<void> {
  const { clock, environment, random } = terminal;
  const log = createLog(flags.logLevel, clock);
  const management = await managementConfig(flags, clock, environment);
  const shard = shardOf(flags);
  const leadership = untilLeading({
    management,
    clock,
    random,
    log,
    lease: { namespace: flags.ledgerNamespace, name: shard.lease },
    leaseSeconds: LEASE_SECONDS,
  });
  const lead = await Promise.race([leadership.leads, sleep(clock, LEASE_WAIT_MS)]);
  if (lead === undefined) {
    await leadership.release();
    terminal.say(`a running hub holds the Lease ${shard.lease}; nothing to do`);
    return;
  }
  const running = await startRunningOperator({
    management,
    clock,
    random,
    log,
    shard,
    ledger: (client) => configMapLedger(client, flags.ledgerNamespace, shard.ledger),
    dispatch: true,
    contain: terminal.contain((error) => logStray(log, error)),
    requestsPerSecond: flags.requestRate,
    epoch: lead.epoch,
    mayAct: () => leadership.mayAct(),
  });
  const quiet = await Promise.race([
    untilQuiet(running.operator, clock, { timeoutMs: flags.timeoutSeconds * 1000, quietMs: 500 }),
    leadership.lost.then(() => false),
  ]);
  await running.stop();
  await leadership.release();
  if (!quiet) {
    throw new Error(
      `the pass did not come to rest within ${flags.timeoutSeconds} s; raise --timeout-seconds or see the log`,
    );
  }
}
