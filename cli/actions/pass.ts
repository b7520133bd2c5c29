import type { ClusterFlags } from "#cli/commands/flags.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import { untilQuiet } from "#cli/operator/quiet.ts";
import type { Terminal } from "#cli/terminal.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { createLog } from "#platform/observability/log.ts";

export interface HubFlags extends ClusterFlags {
  readonly once?: boolean;
  readonly ledgerNamespace: string;
  readonly timeoutSeconds: number;
}

/** One pass over everything; throws when it does not come to rest in time. */
export async function pass(flags: HubFlags, terminal: Terminal): Promise<void> {
  const { clock, environment } = terminal;
  const running = await startRunningOperator({
    management: await managementConfig(flags, clock, environment),
    clock,
    random: terminal.random,
    log: createLog(flags.logLevel, clock),
    namespace: flags.namespace,
    ledger: (management) => configMapLedger(management, flags.ledgerNamespace),
    dispatch: true,
    requestsPerSecond: flags.requestRate,
  });
  const quiet = await untilQuiet(running.operator, clock, { timeoutMs: flags.timeoutSeconds * 1000 });
  await running.stop();
  if (!quiet)
    throw new Error(
      `the pass did not come to rest within ${flags.timeoutSeconds} s; raise --timeout-seconds or see the log`,
    );
}
