import { fastify, type FastifyInstance } from "fastify";
import { explainObject } from "#cli/operator/explain.ts";
import type { Operator } from "#events/start.ts";
import type { Metrics } from "#platform/observability/metrics.ts";

/** `:8080`, `127.0.0.1:8080`, `[::1]:8080`, or `0` for none, as the flags of controller-runtime managers take it. */
export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

/** Undefined for `0`, which turns the server off. Throws with the mend when the text is no address. */
export function parseBindAddress(flag: string, text: string): BindAddress | undefined {
  if (text === "0") return undefined;
  const at = text.lastIndexOf(":");
  const port = Number(text.slice(at + 1));
  if (at < 0 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(
      `${flag}: "${text}" is no bind address; use ":8080", "127.0.0.1:8080", or "0" to switch it off`,
    );
  }
  const host = text.slice(0, at).replace(/^\[|\]$/g, "");
  return { host: host === "" ? "::" : host, port };
}

export interface ServerOptions {
  readonly metricsAddress: BindAddress | undefined;
  readonly healthAddress: BindAddress | undefined;
  readonly metrics: Metrics;
  readonly operator: Operator;
  /** Whether this process leads, or needs not. */
  readonly leading: () => boolean;
}

/** `/metrics`; `/healthz`, `/readyz` and `/why`. */
export async function startServers(
  options: ServerOptions,
): Promise<{ addresses: string[]; close(): Promise<void> }> {
  const servers: FastifyInstance[] = [];
  const addresses: string[] = [];
  const listen = async (server: FastifyInstance, address: BindAddress) => {
    servers.push(server);
    addresses.push(await server.listen(address));
  };
  if (options.metricsAddress !== undefined)
    await listen(metricsServer(options.metrics), options.metricsAddress);
  if (options.healthAddress !== undefined) await listen(healthServer(options), options.healthAddress);
  return { addresses, close: async () => void (await Promise.all(servers.map((server) => server.close()))) };
}

function metricsServer({ registry }: Metrics): FastifyInstance {
  const server = fastify();
  server.get("/metrics", async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  return server;
}

/**
 * Ready means: every stream that is wanted has its first list and has been heard of within twice the silence limit, and it is decided who
 * leads. Alive means: the event loop answers.
 */
function healthServer({ operator, leading }: ServerOptions): FastifyInstance {
  const server = fastify();
  server.get("/healthz", () => "ok");
  server.get("/readyz", (_request, reply) => {
    const missing = operator.streams
      .state()
      .filter(({ listed }) => !listed)
      .map(({ name }) => name);
    if (operator.ready()) return reply.send(leading() ? "ok" : "ok, standby");
    return reply.code(503).send(`not ready; waiting for the first list of: ${missing.join(", ")}`);
  });
  server.get<{ Params: { kind: string; namespace: string; name: string } }>(
    "/why/:kind/:namespace/:name",
    ({ params }, reply) => {
      const found = explainObject(operator.hub, params);
      return found === undefined
        ? reply.code(404).send({ error: `no ${params.kind} ${params.namespace}/${params.name} is known` })
        : found;
    },
  );
  return server;
}
