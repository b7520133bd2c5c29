import {
  serveAnswers,
  type Answer,
  type Listening,
  type PathParameters,
  type Protection,
  type Routes,
} from "#cli/http/answers.ts";
import type { BindAddress } from "#cli/http/bind-address.ts";
import { explainObject } from "#cli/operator/explain.ts";
import { kindWords } from "#cli/operator/object-question.ts";
import { traceObject } from "#cli/operator/trace-answer.ts";
import { createLifeSigns } from "#platform/observability/life-signs.ts";
import type { RunningOperator } from "#cli/operator/operator.ts";

export interface ServerOptions {
  readonly metricsAddress: BindAddress | undefined;
  /** Of `/metrics` alone; whoever reaches it may read it when left out. */
  readonly metricsProtection: Protection | undefined;
  readonly healthAddress: BindAddress | undefined;
  /** Whether this process leads, or stands by while another does; `undecided` while it is not known who leads. */
  readonly role: () => "leads" | "standby" | "undecided";
  /** What runs; undefined while it starts. */
  readonly running: () => Pick<RunningOperator, "operator" | "metrics" | "trace"> | undefined;
}

/** `/metrics`; `/healthz`, `/readyz`, `/why` and `/trace`. */
export async function startServers(
  options: ServerOptions,
): Promise<{ addresses: string[]; close(): Promise<void> }> {
  const servers: Listening[] = [];
  const listen = async (routes: Routes, address: BindAddress | undefined, by?: Protection): Promise<void> => {
    if (address !== undefined) servers.push(await serveAnswers(routes, address, by));
  };
  await listen(metricsRoutes(options), options.metricsAddress, options.metricsProtection);
  await listen(healthRoutes(options), options.healthAddress);
  return {
    addresses: servers.map(({ address }) => address),
    close: async () => void (await Promise.all(servers.map((server) => server.close()))),
  };
}

function metricsRoutes({ running }: ServerOptions): Routes {
  const starting = createLifeSigns(() => ({ leading: false, ready: false }));
  return {
    "/metrics": async () => {
      const registry = running()?.metrics.registry ?? starting;
      return { type: registry.contentType, body: await registry.metrics() };
    },
  };
}

function healthRoutes(options: ServerOptions): Routes {
  return {
    "/healthz": () => ({ body: "ok" }),
    "/readyz": () => readiness(options),
    "/why/:kind/:namespace/:name": (parameters) => why(options, parameters),
    "/trace/:kind/:namespace/:name": (parameters) => trace(options, parameters),
  };
}

/**
 * Ready means: it is decided who leads, and every stream that is wanted has had its first list and is heard of. A standby is ready when it
 * could take over with all it needs to know. Alive means: the event loop answers.
 */
function readiness({ running, role }: ServerOptions): Answer {
  const operator = running()?.operator;
  const here = role();
  if (operator === undefined)
    return { status: 503, body: "not ready; starting, waiting for the first list of everything" };
  if (here === "undecided") return { status: 503, body: "not ready; it is not decided yet who leads" };
  if (operator.ready()) return { body: here === "standby" ? "ok, standby" : "ok" };
  const missing = operator.streams.state().filter(({ ready }) => !ready);
  const names = missing.map(({ name }) => name).join(", ");
  return { status: 503, body: `not ready; waiting for the first list of, or for word from: ${names}` };
}

function why({ running }: ServerOptions, { kind = "", namespace = "", name = "" }: PathParameters): Answer {
  const hub = running()?.operator.hub;
  const found = hub === undefined ? undefined : explainObject(hub, { kind, namespace, name });
  return json(found, `no ${kind} ${namespace}/${name} is known here`);
}

function trace({ running }: ServerOptions, { kind = "", namespace = "", name = "" }: PathParameters): Answer {
  const memory = running()?.trace;
  if (memory === undefined) return json(undefined, "nothing runs here yet, or another process leads");
  const found = traceObject(memory, { kind, namespace, name });
  return json(found, `no kind ${kind}; kinds with functions: ${kindWords}`);
}

/** What was found, or 404 with the reason. */
function json(found: unknown, error: string): Answer {
  const type = "application/json; charset=utf-8";
  if (found !== undefined) return { type, body: JSON.stringify(found) };
  return { status: 404, type, body: JSON.stringify({ error }) };
}
