import type { IncomingMessage } from "node:http";
import * as https from "node:https";

import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { TCP_KEEP_ALIVE_MS, TlsAgents } from "#platform/kube/tls-agents.ts";
import type { AgentPool } from "#platform/kube/tls-agents.ts";
import { http } from "#platform/process/node-http.ts";

/** One HTTP request below the server URL. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query, beginning with `/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
  /** Called at the last moment before it is sent; what it throws refuses the request. */
  readonly leaving: () => void;
  readonly pool: AgentPool;
}

/** Authenticated HTTP towards one API server. */
export interface HttpExchange {
  /** Resolves with the response once its headers are there; rejects with the error of node:http, or the signal's reason. */
  send(request: HttpRequest): Promise<IncomingMessage>;
  close(): void;
}

/**
 * @throws KubeError `invalid`, when `server` is no http(s) URL.
 */
export function createHttpExchange(config: ConnectionConfig): HttpExchange {
  const base = serverUrl(config);
  const agents = new TlsAgents(config);

  async function once(request: HttpRequest, fresh: boolean): Promise<IncomingMessage> {
    const token = typeof config.token === "function" ? await config.token(fresh) : config.token;
    const lease = await agents.lease(request.pool, fresh);
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      request.signal.throwIfAborted();
      request.leaving();
      const open = base.protocol === "https:" ? https.request : http.request;
      const outgoing = open({
        host: base.hostname.replace(/^\[|\]$/g, ""),
        port: base.port === "" ? undefined : Number(base.port),
        path: base.pathname.replace(/\/+$/, "") + request.path,
        method: request.method,
        agent: lease.agent,
        signal: request.signal,
        headers: {
          ...config.headers,
          ...request.headers,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      });
      outgoing.on("socket", (socket) => socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS));
      outgoing.on("close", () => lease.release());
      outgoing.on("error", reject);
      outgoing.on("response", resolve);
      outgoing.end(request.body);
    });
    return answer.catch((error: unknown) => {
      lease.release();
      throw error;
    });
  }

  const rotates = typeof config.token === "function" || config.clientIdentity !== undefined;
  return {
    send: async (request) => {
      const response = await once(request, false);
      if (response.statusCode !== 401 || !rotates) return response;
      response.resume();
      return once(request, true);
    },
    close: () => agents.close(),
  };
}

function serverUrl(config: ConnectionConfig): URL {
  const url = URL.parse(config.server);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new KubeError({
      reason: "invalid",
      detail: "notSent",
      dependency: config.connection,
      message: `${config.connection}: server is not an http(s) URL; set it to something like https://host:6443`,
    });
  }
  return url;
}
