import type { ClusterFlags } from "#cli/commands/flags.ts";
import type { IngressFlags, IngressWorld } from "#cli/http/ingress.ts";
import { parseBindAddress } from "#cli/http/bind-address.ts";
import { startServers } from "#cli/http/servers.ts";
import { untilLeading } from "#cli/operator/leading.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { logStray } from "#cli/operator/observe.ts";
import {
  startRunningOperator,
  type RunningOperator,
  type RunningOperatorOptions,
} from "#cli/operator/operator.ts";
import { snapshotPlaceOf } from "#cli/operator/snapshot-place.ts";
import type { Terminal } from "#cli/terminal.ts";
import type { Runner } from "#events/transport/runner.ts";
import type { OpenIngress } from "#events/sources/ingress/open.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { createLog } from "#platform/observability/log.ts";
import { sleep } from "#platform/process/clock.ts";

export interface RunFlags extends ClusterFlags, IngressFlags {
  readonly metricsBindAddress: string;
  readonly healthProbeBindAddress: string;
  readonly maxInFlight: number;
  readonly leaderElect?: boolean;
  readonly etcdSnapshots?: string;
  readonly functionsUrl?: string;
  readonly functionsTokenFile?: string;
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
  const runner = await remoteRunner(flags);
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
          mayAct: leadership === undefined ? undefined : () => leadership.mayAct(),
        },
        ending.signal,
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

/** Loaded only when it is asked for. */
async function openIngress(flags: RunFlags, world: IngressWorld): Promise<OpenIngress | undefined> {
  if (flags.ingressBindAddress === "0") return undefined;
  const { startIngress } = await import("#cli/http/ingress.ts");
  return startIngress(flags, world);
}

/** The runner for functions that are served elsewhere; undefined when they run in this process. Throws with the mend when a flag is wrong. */
async function remoteRunner({ functionsUrl, functionsTokenFile }: RunFlags): Promise<Runner | undefined> {
  if (functionsUrl === undefined) {
    if (functionsTokenFile === undefined) return undefined;
    throw new Error("--functions-token-file needs --functions-url, which says where functions are served");
  }
  const urlOf = (name: string) => functionsUrl.replaceAll("{function}", name);
  if (!functionsUrl.includes("{function}") || !URL.canParse(urlOf("a")))
    throw new Error(
      `--functions-url: "${functionsUrl}" is no URL with {function} in it; use e.g. http://localhost:8080/{function}`,
    );
  const { httpRunner } = await import("#events/transport/http-runner.ts");
  const { tokenIn } = await import("#events/transport/token-file.ts");
  if (functionsTokenFile !== undefined) await tokenIn(functionsTokenFile);
  return httpRunner({
    urlOf,
    tokenOf: () =>
      functionsTokenFile === undefined ? Promise.resolve(undefined) : tokenIn(functionsTokenFile),
  });
}
