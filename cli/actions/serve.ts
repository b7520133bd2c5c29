import type { ClusterFlags } from "#cli/commands/flags.ts";
import { parseBindAddress } from "#cli/http/bind-address.ts";
import { callersOf, type CallerFlags } from "#cli/http/callers.ts";
import { openSteps, type ServedFunctions } from "#cli/operator/served-steps.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";
import { functionServer } from "#events/transport/function-server.ts";
import { createLog } from "#platform/observability/log.ts";

export interface ServeFlags extends ClusterFlags, CallerFlags {
  readonly bindAddress: string;
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
  const { steps, management, metrics, close } = await openSteps(served, flags, terminal, log);
  const server = functionServer({ ...steps, version, verify: callers({ management, clock, log }) });
  server.get("/metrics", async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
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
