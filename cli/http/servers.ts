import { fastify, type FastifyInstance } from "fastify";
import { explainObject } from "#cli/operator/explain.ts";
import { traceObject } from "#cli/operator/trace-answer.ts";
import type { RunningOperator } from "#cli/operator/operator.ts";

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
  /** Another process leads, and this one is there to take over. */
  readonly standby: () => boolean;
  /** What runs; undefined on standby and while it starts. */
  readonly running: () => Pick<RunningOperator, "operator" | "metrics" | "trace"> | undefined;
}

/** `/metrics`; `/healthz`, `/readyz`, `/why` and `/trace`. */
export async function startServers(
  options: ServerOptions,
): Promise<{ addresses: string[]; close(): Promise<void> }> {
  const servers: FastifyInstance[] = [];
  const addresses: string[] = [];
  const listen = async (server: FastifyInstance, address: BindAddress | undefined) => {
    if (address === undefined) return;
    servers.push(server);
    addresses.push(await server.listen(address));
  };
  await listen(metricsServer(options), options.metricsAddress);
  await listen(healthServer(options), options.healthAddress);
  return { addresses, close: async () => void (await Promise.all(servers.map((server) => server.close()))) };
}

function metricsServer({ running }: ServerOptions): FastifyInstance {
  const server = fastify();
  server.get("/metrics", async (_request, reply) => {
    const registry = running()?.metrics.registry;
    if (registry === undefined) return reply.send("");
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  return server;
}

/**
 * Ready means: it is decided who leads, and if it is us, every stream that is wanted has had its first list and is heard of. A standby is
 * ready to take over. Alive means: the event loop answers.
 */
function healthServer({ running, standby }: ServerOptions): FastifyInstance {
  const server = fastify();
  server.get("/healthz", () => "ok");
  server.get("/readyz", (_request, reply) => {
    const operator = running()?.operator;
    if (standby()) return reply.send("ok, standby");
    if (operator === undefined)
      return reply.code(503).send("not ready; starting, waiting for the first list of everything");
    if (operator.ready()) return reply.send("ok");
    const missing = operator.streams.state().filter(({ listed }) => !listed);
    const names = missing.map(({ name }) => name).join(", ");
    return reply.code(503).send(`not ready; waiting for the first list of: ${names}`);
  });
  server.get<{ Params: { kind: string; namespace: string; name: string } }>(
    "/why/:kind/:namespace/:name",
    ({ params }, reply) => {
      const hub = running()?.operator.hub;
      const found = hub === undefined ? undefined : explainObject(hub, params);
      const error = `no ${params.kind} ${params.namespace}/${params.name} is known here`;
      return found ?? reply.code(404).send({ error });
    },
  );
  server.get<{ Params: { kind: string; namespace: string; name: string } }>(
    "/trace/:kind/:namespace/:name",
    ({ params }, reply) => {
      const memory = running()?.trace;
      const found = memory === undefined ? undefined : traceObject(memory, params);
      const error =
        memory === undefined
          ? "nothing runs here yet, or another process leads"
          : `no kind ${params.kind}; machine and cluster have functions`;
      return found ?? reply.code(404).send({ error });
    },
  );
  return server;
}
