import type { ClusterFlags } from "#cli/commands/flags.ts";
import { parseBindAddress } from "#cli/http/bind-address.ts";
import { callersOf, type CallerFlags } from "#cli/http/callers.ts";
import { openSteps, type ServedFunctions } from "#cli/operator/served-steps.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import { faultName } from "#events/hub/faults.ts";
import { parseConnection } from "#events/sources/connection-names.ts";
import { tryConnection, type ConnectionTry } from "#events/sources/connection-try.ts";
import { hubLeads } from "#events/sources/hub-leads.ts";
import { functionServer } from "#events/transport/function-server.ts";
import { triggerServer } from "#events/transport/trigger-server.ts";
import { createLog } from "#platform/observability/log.ts";

export interface ServeFlags extends ClusterFlags, CallerFlags {
  readonly bindAddress: string;
  readonly acceptTriggers?: boolean;
  readonly ledgerNamespace: string;
  readonly pullFrom?: string;
  readonly pullTokenFile?: string;
  readonly concurrency?: number;
  readonly etcdSnapshots?: string;
}

/** Serves functions until a signal asks to end; steps under way may finish. */
export async function serve(served: ServedFunctions, flags: ServeFlags, terminal: Terminal): Promise<void> {
  const { clock } = terminal;
  if (flags.pullTokenFile !== undefined)
    throw new Error("--pull-token-file needs --pull-from, which says where work is taken from");
  if (flags.concurrency !== undefined)
    throw new Error("--concurrency needs --pull-from; what a hub sends is run as it comes");
  const address = parseBindAddress("--bind-address", flags.bindAddress);
  if (address === undefined) throw new Error("--bind-address: 0 serves nothing; say where, e.g. :8080");
  const callers = await callersOf(flags, address.host);
  const log = createLog(flags.logLevel, clock);
  const { steps, management, connect, metrics, close } = await openSteps(served, flags, terminal, log);
  const verify = callers({ management, clock, log });
  const server =
    flags.acceptTriggers === true
      ? triggerServer({
          ...steps,
          verify,
          read: { management, look: (connection) => lookAt(connection, { management, connect }) },
          hubLeads: () => hubLeads(management, flags.ledgerNamespace, clock),
          failed: (name, error) =>
            log.warn({ function: name, error: faultName(error) }, "an event is to be sent again"),
        })
      : functionServer({ ...steps, version, verify });
  server.get("/metrics", async (_request, reply) => {
    const { type, text } = await metrics.scraped();
    return reply.type(type).send(text);
  });
  try {
    const url = await server.listen(address);
    log.info({ url, functions: steps.functions.map(({ name }) => name) }, "functions are served");
    const reason = await terminal.ended();
    log.info({ reason }, "ending; steps under way may finish");
  } finally {
    await server.close();
    close();
  }
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
