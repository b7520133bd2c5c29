import type { ClusterFlags } from "#cli/commands/flags.ts";
import { parseBindAddress } from "#cli/http/bind-address.ts";
import type { ManagementSource } from "#cli/operator/management.ts";
import { logStray } from "#cli/operator/observe.ts";
import { snapshotPlaceOf } from "#cli/operator/snapshot-place.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import { kubeAnnouncer } from "#events/sources/announcer.ts";
import { SecretClients } from "#events/sources/secret-clients.ts";
import { functionServer } from "#events/transport/function-server.ts";
import { tokenIn, verifyByFile } from "#events/transport/token-file.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { createRequestBudget } from "#platform/kube/request-budget.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { createLog } from "#platform/observability/log.ts";
import { lateMetrics } from "#platform/observability/late-metrics.ts";

export interface ServeFlags extends ClusterFlags {
  readonly bindAddress: string;
  readonly tokenFile?: string;
  readonly etcdSnapshots?: string;
}

/** Serves functions until a signal asks to end; steps under way may finish. */
export async function serve(
  functions: readonly StepFunction[],
  flags: ServeFlags,
  terminal: Terminal,
  managementOf: ManagementSource,
): Promise<void> {
  const { clock, environment, random } = terminal;
  const address = parseBindAddress("--bind-address", flags.bindAddress);
  if (address === undefined) throw new Error("--bind-address: 0 serves nothing; say where, e.g. :8080");
  const { tokenFile } = flags;
  if (tokenFile === undefined && !isLoopback(address.host))
    throw new Error("--token-file: whoever reaches this address could run steps; name a file with a token");
  if (tokenFile !== undefined) await tokenIn(tokenFile);
  const snapshotPlace = snapshotPlaceOf(flags.etcdSnapshots);
  const log = createLog(flags.logLevel, clock);
  const metrics = lateMetrics();
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
  const management = connect(await managementOf(flags, clock, environment));
  const clients = new SecretClients(management, connect);
  const server = functionServer({
    functions,
    views: functions.flatMap(({ writes }) => writes),
    world: {
      clock,
      management: () => management,
      client: (connection) => clients.client(connection),
      announce: kubeAnnouncer(management, clock, (what, error) =>
        log.warn({ what, error: nameOf(error) }, "a report for people could not be written"),
      ),
      count: (counter) => metrics.note((made) => made.count(counter)),
      measureCreation: (seconds) => metrics.note(({ creationDuration }) => creationDuration.observe(seconds)),
      snapshotPlace,
    },
    verify: tokenFile === undefined ? undefined : verifyByFile(tokenFile),
    contain: terminal.contain((error) => logStray(log, error)),
    ran: (name, { outcomes, fault }) => {
      const ended = fault === undefined ? [...outcomes.values()].map(({ kind }) => kind) : ["fault"];
      metrics.note(({ outcomes }) => ended.forEach((outcome) => outcomes.inc({ function: name, outcome })));
      log.info(
        { function: name, outcomes: ended, ...(fault !== undefined && { error: nameOf(fault) }) },
        "a step ended",
      );
    },
  });
  server.get("/metrics", async (_request, reply) => {
    const { type, text } = await metrics.scraped();
    return reply.type(type).send(text);
  });
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

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}
