import type { ClusterFlags } from "#cli/commands/flags.ts";
import type { IngressFlags, IngressWorld } from "#cli/http/ingress.ts";
import { parseBindAddress } from "#cli/http/bind-address.ts";
import { startServers } from "#cli/http/servers.ts";
import type { PullFlags, PullSide, PullWorld } from "#cli/http/pull.ts";
import { untilLeading, type Leading } from "#cli/operator/leading.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { logStray } from "#cli/operator/observe.ts";
import {
  startRunningOperator,
  type RunningOperator,
  type RunningOperatorOptions,
} from "#cli/operator/operator.ts";
import { servedElsewhere, type ElsewhereFlags } from "#cli/operator/served-elsewhere.ts";
import { snapshotPlaceOf } from "#cli/operator/snapshot-place.ts";
import type { Terminal } from "#cli/terminal.ts";
import type { OpenIngress } from "#events/sources/ingress/open.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { createLog } from "#platform/observability/log.ts";
import { sleep } from "#platform/process/clock.ts";

export interface RunFlags extends ClusterFlags, IngressFlags, ElsewhereFlags, PullFlags {
  readonly metricsBindAddress: string;
  readonly healthProbeBindAddress: string;
  readonly maxInFlight: number;
  readonly leaderElect?: boolean;
  readonly etcdSnapshots?: string;
}

/** What a person or Kubernetes ends the process with; anything else is the loss of the lead. */
const SIGNALS: ReadonlySet<string> = new Set(["SIGINT", "SIGTERM"]);

/** Pause before a management cluster that does not answer is asked again at the start, ms. */
const START_AGAIN_MS = 2_000;

/** Runs until a signal asks to end or leadership is lost; runs under way may finish. */
export async function run(flags: RunFlags, terminal: Terminal): Promise<void> {
  const { clock, environment, random } = terminal;
  const metricsAddress = parseBindAddress("--metrics-bind-address", flags.metricsBindAddress);
  const healthAddress = parseBindAddress("--health-probe-bind-address", flags.healthProbeBindAddress);
  const snapshotPlace = snapshotPlaceOf(flags.etcdSnapshots);
  const log = createLog(flags.logLevel, clock);
  const management = await managementConfig(flags, clock, environment);
  let running: RunningOperator | undefined;
  let leadership: Leading | undefined;
  const mayAct = () => leadership?.mayAct() ?? true;
  const pulled = await openPull(flags, { management, clock, random, log, mayAct, running: () => running });
  const runner = pulled?.runner ?? (await servedElsewhere(flags, clock));
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
  leadership = standby
    ? untilLeading({ management, clock, random, log, namespace: flags.ledgerNamespace })
    : undefined;
  const over = Promise.race([terminal.ended(), ...(leadership === undefined ? [] : [leadership.lost])]);
  const ending = new AbortController();
  void over.then((reason) => ending.abort(new Error(reason)));
  try {
    const lead = await Promise.race([leadership?.leads ?? { epoch: undefined }, over]);
    standby = false;
    if (typeof lead !== "string") {
      if (pulled !== undefined) log.info({ addresses: await pulled.open() }, "pods may come for work");
      running = await whenAnswered(
        {
          management,
          clock,
          random,
          log,
          namespace: flags.namespace,
          policy: { maxInFlight: flags.maxInFlight },
          snapshotPlace,
          ledger: (client) => configMapLedger(client, flags.ledgerNamespace),
          dispatch: true,
          runner,
          contain: terminal.contain((error) => logStray(log, error)),
          requestsPerSecond: flags.requestRate,
          epoch: lead.epoch,
          mayAct: leadership === undefined ? undefined : mayAct,
        },
        ending.signal,
      );
    }
    const reason = await over;
    if (!SIGNALS.has(reason)) running?.operator.hub.stepDown(reason);
    log.info({ reason }, "ending; runs under way may finish");
  } finally {
    await Promise.all([servers.close(), ingress?.close(), pulled?.drain()]);
    await running?.stop();
    await pulled?.close();
    await leadership?.release();
  }
}

/** The operator, as soon as the management cluster answers; undefined when it is to end before that. */
async function whenAnswered(
  options: RunningOperatorOptions,
  ending: AbortSignal,
): Promise<RunningOperator | undefined> {
  while (!ending.aborted) {
    try {
      return await startRunningOperator({ ...options, signal: ending });
    } catch (error) {
      if (ending.aborted) return undefined;
      if (!isKubeError(error, "unavailable", "timeout", "tooMany")) throw error;
    }
    options.log.warn({}, "the management cluster does not answer; it is tried again");
    await sleep(options.clock, START_AGAIN_MS, ending).catch(() => undefined);
  }
  return undefined;
}

/** Loaded only when it is asked for. Throws with the mend when flags contradict each other. */
async function openPull(flags: RunFlags, world: PullWorld): Promise<PullSide | undefined> {
  const { pullBindAddress, scalerBindAddress, pullTokenFile } = flags;
  if (pullBindAddress === "0" && scalerBindAddress === "0" && pullTokenFile === undefined) return undefined;
  if (flags.functionsUrl !== undefined)
    throw new Error(
      "--functions-url, --pull-bind-address: functions are called, or their pods come for work; use one",
    );
  const { pullSide } = await import("#cli/http/pull.ts");
  return pullSide(flags, world);
}

/** Loaded only when it is asked for. */
async function openIngress(flags: RunFlags, world: IngressWorld): Promise<OpenIngress | undefined> {
  if (flags.ingressBindAddress === "0") return undefined;
  const { startIngress } = await import("#cli/http/ingress.ts");
  return startIngress(flags, world);
}
