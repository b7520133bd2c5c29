import type { RunFlags } from "#cli/commands/run.ts";
import { parseBindAddress, startServers } from "#cli/http/servers.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import type { Terminal } from "#cli/terminal.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { createLog } from "#platform/observability/log.ts";

/** Runs until a signal asks to end; runs under way may finish. */
export async function run(flags: RunFlags, terminal: Terminal): Promise<void> {
  const { clock, environment } = terminal;
  const metricsAddress = parseBindAddress("--metrics-bind-address", flags.metricsBindAddress);
  const healthAddress = parseBindAddress("--health-probe-bind-address", flags.healthProbeBindAddress);
  const log = createLog(flags.logLevel, clock);
  const running = await startRunningOperator({
    management: await managementConfig(flags, clock, environment),
    clock,
    random: terminal.random,
    log,
    namespace: flags.namespace,
    policy: { maxInFlight: flags.maxInFlight },
    ledger: (management) => configMapLedger(management, flags.ledgerNamespace),
    dispatch: true,
    requestsPerSecond: flags.requestRate,
  });
  const servers = await startServers({ ...running, metricsAddress, healthAddress, leading: () => true });
  log.info({ addresses: servers.addresses }, "capfn runs");
  const signal = await terminal.ended();
  log.info({ signal }, "ending; runs under way may finish");
  await servers.close();
  await running.stop();
}
