import type { ClusterFlags } from "#cli/commands/flags.ts";
import { allFunctions } from "#cli/functions.ts";
import { callersOf, type CallerFlags } from "#cli/http/callers.ts";
import { parseBindAddress } from "#cli/http/servers.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { logStray } from "#cli/operator/observe.ts";
import { snapshotPlaceOf } from "#cli/operator/snapshot-place.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import { faultName } from "#events/hub/faults.ts";
import { kubeAnnouncer } from "#events/sources/announcer.ts";
import { parseConnection } from "#events/sources/connection-names.ts";
import { tryConnection, type ConnectionTry } from "#events/sources/connection-try.ts";
import { SecretClients } from "#events/sources/secret-clients.ts";
import { hubLeads } from "#events/sources/hub-leads.ts";
import { functionServer } from "#events/transport/function-server.ts";
import type { RunResult } from "#events/transport/runner.ts";
import { triggerServer } from "#events/transport/trigger-server.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { createRequestBudget } from "#platform/kube/request-budget.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { CounterName } from "#platform/observability/counters.ts";
import { createLog } from "#platform/observability/log.ts";
import { createMetrics } from "#platform/observability/metrics.ts";

export interface ServeFlags extends ClusterFlags, CallerFlags {
  readonly bindAddress: string;
  readonly acceptTriggers?: boolean;
  readonly ledgerNamespace: string;
  readonly etcdSnapshots?: string;
}

/** Serves functions until a signal asks to end; steps under way may finish. */
export async function serve(names: readonly string[], flags: ServeFlags, terminal: Terminal): Promise<void> {
  const { clock, environment, random } = terminal;
  const functions = chosen(names);
  const address = parseBindAddress("--bind-address", flags.bindAddress);
  if (address === undefined) throw new Error("--bind-address: 0 serves nothing; say where, e.g. :8080");
  const callers = await callersOf(flags, address.host);
  const snapshotPlace = snapshotPlaceOf(flags.etcdSnapshots);
  const log = createLog(flags.logLevel, clock);
  const metrics = createMetrics();
  const connect = (config: ConnectionConfig) =>
    createKubeClient(config, {
      clock,
      random,
      userAgent: `capfn/${version}`,
      budget: createRequestBudget({
        clock,
        requestsPerSecond: flags.requestRate,
        burst: flags.requestRate * 2,
        inFlight: 64,
      }),
    });
  const management = connect(await managementConfig(flags, clock, environment));
  const clients = new SecretClients(management, connect);
  const contain = terminal.contain((error) => logStray(log, error));
  const shared = {
    functions,
    world: {
      clock,
      management: () => management,
      client: (connection: string) => clients.client(connection),
      announce: kubeAnnouncer(management, clock, (what, error) =>
        log.warn({ what, error: nameOf(error) }, "a report for people could not be written"),
      ),
      count: (counter: CounterName) => metrics.count(counter),
      measureCreation: (seconds: number) => metrics.creationDuration.observe(seconds),
      snapshotPlace,
    },
    verify: callers({ management, clock, log }),
    contain,
    ran: (name: string, { outcomes, fault }: RunResult) => {
      const ended = fault === undefined ? [...outcomes.values()].map(({ kind }) => kind) : ["fault"];
      for (const outcome of ended) metrics.outcomes.inc({ function: name, outcome });
      log.info(
        { function: name, outcomes: ended, ...(fault !== undefined && { error: nameOf(fault) }) },
        "a step ended",
      );
    },
  };
  const server =
    flags.acceptTriggers === true
      ? triggerServer({
          ...shared,
          read: { management, look: (connection) => lookAt(connection, { management, connect }) },
          hubLeads: () => hubLeads(management, flags.ledgerNamespace, clock),
          failed: (name, error) =>
            log.warn({ function: name, error: faultName(error) }, "an event is to be sent again"),
        })
      : functionServer({ ...shared, version, views: allFunctions.flatMap(({ views }) => views) });
  server.get("/metrics", async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
  try {
    const url = await server.listen(address);
    log.info({ url, functions: functions.map(({ name }) => name) }, "functions are served");
    const reason = await terminal.ended();
    log.info({ reason }, "ending; steps under way may finish");
  } finally {
    await server.close();
    clients.close();
    management.close();
  }
}

/** All functions when none is named. Throws, with all names, for one that does not exist. */
function chosen(names: readonly string[]): readonly StepFunction[] {
  const known = new Map(allFunctions.map((fn) => [fn.name, fn]));
  if (names.length === 0) return allFunctions;
  return names.map((name) => {
    const fn = known.get(name);
    if (fn === undefined)
      throw new Error(`no function "${name}"; there are: ${[...known.keys()].join(", ")}`);
    return fn;
  });
}

/** Tries a connection by its name. */
async function lookAt(
  connection: string,
  means: Parameters<typeof tryConnection>[2],
): Promise<ConnectionTry> {
  const location = parseConnection(connection);
  if (location !== undefined) return tryConnection(connection, location, means);
  throw new Error(`no connection is called ${connection}`);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}
