import type { ClusterFlags } from "#cli/commands/flags.ts";
import { parseBindAddress, startServers } from "#cli/http/servers.ts";
import { untilLeading } from "#cli/operator/leading.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { startRunningOperator, type RunningOperator } from "#cli/operator/operator.ts";
import type { Terminal } from "#cli/terminal.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { createLog } from "#platform/observability/log.ts";

export interface RunFlags extends ClusterFlags {
  readonly metricsBindAddress: string;
  readonly healthProbeBindAddress: string;
  readonly ledgerNamespace: string;
  readonly maxInFlight: number;
  readonly leaderElect?: boolean;
}

/** What a person or Kubernetes ends the process with; anything else is the loss of the lead. */
const SIGNALS: ReadonlySet<string> = new Set(["SIGINT", "SIGTERM"]);

/** Runs until a signal asks to end or leadership is lost; runs under way may finish. */
export async function run(flags: RunFlags, terminal: Terminal): Promise<void> {
  const { clock, environment, random } = terminal;
  const metricsAddress = parseBindAddress("--metrics-bind-address", flags.metricsBindAddress);
  const healthAddress = parseBindAddress("--health-probe-bind-address", flags.healthProbeBindAddress);
  const log = createLog(flags.logLevel, clock);
  const management = await managementConfig(flags, clock, environment);
  let running: RunningOperator | undefined;
  let standby = flags.leaderElect === true;
  const servers = await startServers({
    metricsAddress,
    healthAddress,
    running: () => running,
    standby: () => standby,
  });
  log.info({ addresses: servers.addresses }, "capfn runs");
  const asked = terminal.ended();
  const leadership =
    flags.leaderElect === true
      ? untilLeading({ management, clock, random, log, namespace: flags.ledgerNamespace })
      : undefined;
  const start = await Promise.race([leadership?.leads ?? { epoch: undefined }, asked]);
  standby = false;
  if (typeof start !== "string") {
    running = await startRunningOperator({
      management,
      clock,
      random,
      log,
      namespace: flags.namespace,
      policy: { maxInFlight: flags.maxInFlight },
      ledger: (client) => configMapLedger(client, flags.ledgerNamespace),
      dispatch: true,
      requestsPerSecond: flags.requestRate,
      epoch: start.epoch,
      mayAct: leadership === undefined ? undefined : () => leadership.mayAct(),
    });
  }
  const reason = await Promise.race([asked, ...(leadership === undefined ? [] : [leadership.lost])]);
  if (!SIGNALS.has(reason)) running?.operator.hub.stepDown(reason);
  log.info({ reason }, "ending; runs under way may finish");
  await servers.close();
  await running?.stop();
  await leadership?.release();
}
