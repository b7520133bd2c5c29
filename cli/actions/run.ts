import type { ClusterFlags } from "#cli/commands/flags.ts";
import type { Broadcast, BroadcastFlags, BroadcastWorld } from "#cli/operator/broadcast.ts";
import type { IngressFlags, IngressWorld } from "#cli/http/ingress.ts";
import type { Protection } from "#cli/http/answers.ts";
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
import { shardOf, type ShardFlags } from "#cli/operator/shard.ts";
import { servedElsewhere, type ElsewhereFlags } from "#cli/operator/served-elsewhere.ts";
import { snapshotPlaceOf } from "#cli/operator/snapshot-place.ts";
import type { Terminal } from "#cli/terminal.ts";
import type { OpenIngress } from "#events/sources/ingress/open.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { createLog, type Log } from "#platform/observability/log.ts";
import { sleep, type Clock } from "#platform/process/clock.ts";

export interface RunFlags
  extends ClusterFlags, IngressFlags, ShardFlags, BroadcastFlags, ElsewhereFlags, PullFlags {
  readonly metricsBindAddress: string;
  readonly metricsSecure?: boolean;
  readonly healthProbeBindAddress: string;
  readonly maxInFlight: number;
  readonly leaderElect?: boolean;
  readonly leaseSeconds: number;
  readonly etcdSnapshots?: string;
}

/** What a person or Kubernetes ends the process with; anything else is the loss of the lead. */
const SIGNALS: ReadonlySet<string> = new Set(["SIGINT", "SIGTERM"]);

/** Pause before a management cluster that does not answer is asked again at the start, ms. */
const START_AGAIN_MS = 2_000;

/** Pause before a ledger that could not be read is read again, ms. */
const LEDGER_AGAIN_MS = 500;

/** Runs until a signal asks to end or leadership is lost; runs under way may finish. */
export async function run(flags: RunFlags, terminal: Terminal): Promise<void> {
  const { clock, environment, random } = terminal;
  const metricsAddress = parseBindAddress("--metrics-bind-address", flags.metricsBindAddress);
  const healthAddress = parseBindAddress("--health-probe-bind-address", flags.healthProbeBindAddress);
  const snapshotPlace = snapshotPlaceOf(flags.etcdSnapshots);
  const shard = shardOf(flags);
  const log = createLog(flags.logLevel, clock);
  const called = await servedElsewhere(flags, clock);
  const management = await managementConfig(flags, clock, environment);
  let running: RunningOperator | undefined;
  let leadership: Leading | undefined;
  const mayAct = () => leadership?.mayAct() ?? true;
  const pulled = await openPull(flags, {
    management,
    clock,
    random,
    log,
    leadLeftMs: () => leadership?.leaseLeftMs() ?? Infinity,
    running: () => running,
  });
  const runner = pulled?.runner ?? called;
  const servers = await startServers({
    metricsAddress,
    metricsProtection: await metricsProtection(flags, management, { clock, random }),
    healthAddress,
    running: () => running,
    role: () => {
      if (leadership === undefined && flags.leaderElect === true) return "undecided";
      if (leadership === undefined || running?.operator.hub.leads === true) return "leads";
      return leadership.decided && !leadership.mayAct() ? "standby" : "undecided";
    },
  });
  const leader = () => (running?.operator.hub.leads === true ? running : undefined);
  const ingress = await openIngress(flags, { management, clock, random, log, running: leader }).catch(
    async (error: unknown) => {
      await servers.close();
      throw error;
    },
  );
  const broadcast = await openBroadcast(flags, { clock, random, log, metrics: () => running?.metrics }).catch(
    async (error: unknown) => {
      await Promise.all([servers.close(), ingress?.close()]);
      throw error;
    },
  );
  const addresses = [...servers.addresses, ...(ingress === undefined ? [] : [ingress.url])];
  log.info({ addresses }, "capfn runs");
  if (flags.leaderElect === true) {
    const lease = { namespace: flags.ledgerNamespace, name: shard.lease };
    leadership = untilLeading({ management, clock, random, log, lease, leaseSeconds: flags.leaseSeconds });
  }
  const over = Promise.race([terminal.ended(), ...(leadership === undefined ? [] : [leadership.lost])]);
  const ending = new AbortController();
  void over.then((reason) => ending.abort(new Error(reason)));
  try {
    if (leadership === undefined) await openToPods(pulled, log);
    running = await whenAnswered(
      {
        management,
        clock,
        random,
        log,
        shard,
        standby: leadership !== undefined,
        policy: { maxInFlight: flags.maxInFlight },
        snapshotPlace,
        ledger: (client) => configMapLedger(client, flags.ledgerNamespace, shard.ledger),
        dispatch: true,
        runner,
        contain: terminal.contain((error) => logStray(log, error)),
        requestsPerSecond: flags.requestRate,
        mayAct: leadership === undefined ? undefined : mayAct,
        broadcast,
      },
      ending.signal,
    );
    const lead = await Promise.race([leadership?.leads, over]);
    if (typeof lead === "object" && running !== undefined) {
      await openToPods(pulled, log);
      await takeLead(running, lead.epoch, { clock, log, ending: ending.signal });
    }
    const reason = await over;
    if (!SIGNALS.has(reason)) running?.operator.hub.stepDown(reason);
    log.info({ reason }, "ending; runs under way may finish");
  } finally {
    await Promise.all([servers.close(), ingress?.close(), pulled?.drain()]);
    await running?.stop();
    await pulled?.close();
    await leadership?.release();
    await broadcast?.close();
  }
}

/** Ends the standby: the ledger is restored, and what the dead leader left undone begins. Tried again while the ledger cannot be read. */
async function takeLead(
  { operator }: RunningOperator,
  epoch: number,
  { clock, log, ending }: { readonly clock: Clock; readonly log: Log; readonly ending: AbortSignal },
): Promise<void> {
  while (!ending.aborted && !operator.hub.leads) {
    try {
      await operator.hub.lead(epoch);
      log.info({ epoch }, "leads");
    } catch (error) {
      if (!isKubeError(error)) throw error;
      log.warn({ error: error.reason }, "the ledger cannot be read; it is tried again");
      await sleep(clock, LEDGER_AGAIN_MS, ending).catch(() => undefined);
    }
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

/** From now on this process leads. */
async function openToPods(pulled: PullSide | undefined, log: Log): Promise<void> {
  if (pulled !== undefined) log.info({ addresses: await pulled.open() }, "pods may come for work");
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
async function metricsProtection(
  { metricsSecure }: RunFlags,
  management: ConnectionConfig,
  world: { readonly clock: Clock; readonly random: () => number },
): Promise<Protection | undefined> {
  if (metricsSecure !== true) return undefined;
  const { protectMetrics } = await import("#cli/http/metrics-protection.ts");
  return protectMetrics(management, world);
}

/** Loaded only when it is asked for. */
async function openBroadcast(flags: RunFlags, world: BroadcastWorld): Promise<Broadcast | undefined> {
  if (flags.broadcast === undefined) return undefined;
  const { startBroadcast } = await import("#cli/operator/broadcast.ts");
  return startBroadcast(flags.broadcast, flags, world);
}

/** Loaded only when it is asked for. */
async function openIngress(flags: RunFlags, world: IngressWorld): Promise<OpenIngress | undefined> {
  if (flags.ingressBindAddress === "0") return undefined;
  const { startIngress } = await import("#cli/http/ingress.ts");
  return startIngress(flags, world);
}
