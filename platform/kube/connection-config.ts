/**
 * How to reach one API server. Plain data plus functions for what changes while the process runs: each is asked before every
 * request, so a rotated credential takes effect without a restart. A source is expected to cache; `fresh` tells it that the API
 * server has just refused what it handed out.
 */
export interface ConnectionConfig {
  /** Name for logs, metrics and errors: `management`, `harvester/<ns>/<secret>`, `workload/<ns>/<cluster>`. */
  readonly connection: string;
  /** URL, with a path when the API server sits behind a proxy (`https://rancher/k8s/clusters/c-x`). */
  readonly server: string;
  /** PEM bundle the server certificate is verified with; the system roots when neither this nor the function is given. */
  readonly caPem?: string | undefined;
  readonly certificateAuthority?: (() => Promise<string>) | undefined;
  /** Bearer token. */
  readonly token?: string | ((fresh?: boolean) => Promise<string | undefined>) | undefined;
  readonly clientCertPem?: string | undefined;
  readonly clientKeyPem?: string | undefined;
  /** Client certificate that may change: exec plugins, rotation. Undefined when the source has none. */
  readonly clientIdentity?: ((fresh?: boolean) => Promise<ClientIdentity | undefined>) | undefined;
  readonly insecureSkipTlsVerify?: boolean | undefined;
  /** Name the server certificate must carry when it is not the host of `server`. */
  readonly tlsServerName?: string | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A client certificate chain and its private key, both PEM. */
export interface ClientIdentity {
  readonly certPem: string;
  readonly keyPem: string;
}
