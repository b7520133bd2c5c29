import type { ClusterFlags } from "#cli/commands/flags.ts";
import type { IngressFlags, IngressWorld } from "#cli/http/ingress.ts";
import { parseBindAddress, startServers } from "#cli/http/servers.ts";
import { untilLeading } from "#cli/operator/leading.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { logStray } from "#cli/operator/observe.ts";
import { startRunningOperator, type RunningOperator } from "#cli/operator/operator.ts";
import type { Terminal } from "#cli/terminal.ts";
import type { OpenIngress } from "#events/sources/ingress/open.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { createLog } from "#platform/observability/log.ts";

export interface RunFlags extends ClusterFlags, IngressFlags {
  readonly metricsBindAddress: string;
  readonly healthProbeBindAddress: string;
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
  const ingress = await openIngress(flags, { management, clock, random, log, running: () => running }).catch(
    async (error: unknown) => {
      await servers.close();
      throw error;
    },
  );
  const addresses = [...servers.addresses, ...(ingress === undefined ? [] : [ingress.url])];
  log.info({ addresses }, "capfn runs");
  const leadership = standby
    ? untilLeading({ management, clock, random, log, namespace: flags.ledgerNamespace })
    : undefined;
  const over = Promise.race([terminal.ended(), ...(leadership === undefined ? [] : [leadership.lost])]);
  const ending = new AbortController();
  void over.then((reason) => ending.abort(new Error(reason)));
  try {
    const lead = await Promise.race([leadership?.leads ?? { epoch: undefined }, over]);
    standby = false;
    if (typeof lead !== "string") {
      running = await unlessEnding(
        ending.signal,
        startRunningOperator({
          management,
          clock,
          random,
          log,
          namespace: flags.namespace,
          policy: { maxInFlight: flags.maxInFlight },
          ledger: (client) => configMapLedger(client, flags.ledgerNamespace),
          dispatch: true,
          contain: terminal.contain((error) => logStray(log, error)),
          requestsPerSecond: flags.requestRate,
          epoch: lead.epoch,
          mayAct: leadership === undefined ? undefined : () => leadership.mayAct(),
          signal: ending.signal,
        }),
      );
    }
    const reason = await over;
    if (!SIGNALS.has(reason)) running?.operator.hub.stepDown(reason);
    log.info({ reason }, "ending; runs under way may finish");
  } finally {
    await Promise.all([servers.close(), ingress?.close()]);
    await running?.stop();
    await leadership?.release();
  }
}

/** What was started; undefined when the start failed because it was to end. */
async function unlessEnding<T>(ending: AbortSignal, started: Promise<T>): Promise<T | undefined> {
  try {
    return await started;
  } catch (error) {
    if (ending.aborted) return undefined;
    throw error;
  }
}

/** Loaded only when it is asked for. */
async function openIngress(flags: RunFlags, world: IngressWorld): Promise<OpenIngress | undefined> {
  if (flags.ingressBindAddress === "0") return undefined;
  const { startIngress } = await import("#cli/http/ingress.ts");
  return startIngress(flags, world);
}
