import type { Agent } from "node:http";
import * as https from "node:https";
import { createSecureContext, type SecureContext } from "node:tls";

import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { http } from "#platform/process/node-http.ts";

/** Watches hold their connection for minutes, so they must not take those of requests. */
export type AgentPool = "requests" | "watches";

/** A connection pool in use by one request or watch; `release` exactly once, when its answer has ended. */
export interface AgentLease {
  readonly agent: Agent;
  release(): void;
}

interface Credentials {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

interface Generation {
  readonly credentials: Credentials;
  readonly agents: Record<AgentPool, Agent>;
  leases: number;
  retired: boolean;
}

const REQUEST_CONNECTIONS = 32;
/** Below the 90 s after which a Go server, and the 60 s after which most proxies, close an idle connection. */
const IDLE_CONNECTION_MS = 30_000;
export const TCP_KEEP_ALIVE_MS = 15_000;

/**
 * The connections of one API server: kept alive, with TLS session reuse. When CA or client certificate change, new requests get
 * new connections; the old ones serve what is in flight and are then closed.
 */
export class TlsAgents {
  readonly #config: ConnectionConfig;
  #current: Generation | undefined;
  readonly #all = new Set<Generation>();

  constructor(config: ConnectionConfig) {
    this.#config = config;
  }

  /** `fresh`: the API server has just refused the identity in use. */
  async lease(pool: AgentPool, fresh = false): Promise<AgentLease> {
    const credentials = await this.#credentials(fresh);
    if (this.#current === undefined || !sameCredentials(this.#current.credentials, credentials)) {
      this.#retire(this.#current);
      // Read once: every watch has a connection of its own, and reading certificates for each costs more than the rest of it.
      const secureContext = createSecureContext(credentials);
      this.#current = {
        credentials,
        agents: {
          requests: this.#newAgent(secureContext, "requests"),
          watches: this.#newAgent(secureContext, "watches"),
        },
        leases: 0,
        retired: false,
      };
      this.#all.add(this.#current);
    }
    const generation = this.#current;
    generation.leases += 1;
    let released = false;
    return {
      agent: generation.agents[pool],
      release: () => {
        if (released) return;
        released = true;
        generation.leases -= 1;
        if (generation.retired && generation.leases === 0) this.#destroy(generation);
      },
    };
  }

  /** Closes every connection, also those in use. */
  close(): void {
    for (const generation of this.#all) this.#destroy(generation);
    this.#current = undefined;
  }

  async #credentials(fresh: boolean): Promise<Credentials> {
    const config = this.#config;
    const identity = await config.clientIdentity?.(fresh);
    return {
      ca: config.certificateAuthority === undefined ? config.caPem : await config.certificateAuthority(),
      cert: identity?.certPem ?? config.clientCertPem,
      key: identity?.keyPem ?? config.clientKeyPem,
    };
  }

  #newAgent(secureContext: SecureContext, pool: AgentPool): Agent {
    const connections = {
      keepAlive: true,
      keepAliveMsecs: TCP_KEEP_ALIVE_MS,
      timeout: IDLE_CONNECTION_MS,
      maxSockets: pool === "requests" ? REQUEST_CONNECTIONS : Infinity,
      maxFreeSockets: pool === "requests" ? REQUEST_CONNECTIONS : 1,
    };
    if (this.#config.server.startsWith("http:")) return new http.Agent(connections);
    const { tlsServerName } = this.#config;
    return new https.Agent({
      ...connections,
      secureContext,
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
      rejectUnauthorized: this.#config.insecureSkipTlsVerify !== true,
    });
  }

  #retire(generation: Generation | undefined): void {
    if (generation === undefined) return;
    generation.retired = true;
    if (generation.leases === 0) this.#destroy(generation);
  }

  #destroy(generation: Generation): void {
    this.#all.delete(generation);
    generation.agents.requests.destroy();
    generation.agents.watches.destroy();
  }
}

function sameCredentials(one: Credentials, other: Credentials): boolean {
  return one.ca === other.ca && one.cert === other.cert && one.key === other.key;
}
