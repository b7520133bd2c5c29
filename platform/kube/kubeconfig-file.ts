import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";

import type { KubeConfig } from "@kubernetes/client-node";

import type { ClientIdentity, ConnectionConfig } from "#platform/kube/connection-config.ts";
import { KubeconfigError, userNameIn } from "#platform/kube/kubeconfig.ts";
import {
  RELOAD_AT_MOST_EVERY_MS,
  selfContainedKubeconfig,
} from "#platform/kube/self-contained-kubeconfig.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface KubeconfigFileOptions {
  readonly clock: Clock;
  /** `KUBECONFIG` or `~/.kube/config` when not given. */
  readonly path?: string | undefined;
  /** The current context when not given. */
  readonly context?: string | undefined;
}

interface Credentials {
  readonly token: string | undefined;
  readonly ca: string;
  readonly identity: ClientIdentity | undefined;
}

/** Exec plug-ins cache their token until it expires; this only spares the asking. */
const ASK_EVERY_MS = 30_000;

/**
 * A person's kubeconfig, with exec plug-ins and OIDC. One that needs none of these and names no further file is read here; others load
 * @kubernetes/client-node, which costs hundreds of milliseconds and tens of megabytes. After a 401 the file is read again.
 *
 * @throws KubeconfigError
 */
export async function loadKubeconfig(
  connection: string,
  options: KubeconfigFileOptions,
): Promise<ConnectionConfig> {
  const { path, ...rest } = options;
  if (path !== undefined) {
    try {
      return await selfContainedKubeconfig(connection, { ...rest, path });
    } catch {
      // The other way knows more kinds, and names the mistake.
    }
  }
  const loaded = await load(options);
  const cluster = loaded.getCurrentCluster();
  if (cluster === null || cluster.server === "") {
    throw new KubeconfigError(
      `kubeconfig context "${loaded.getCurrentContext()}" leads to no cluster with a server; check contexts and clusters`,
    );
  }
  const credentials = credentialSource(loaded, options);
  const first = await credentials();
  return {
    connection,
    server: cluster.server,
    tlsServerName: cluster.tlsServerName,
    insecureSkipTlsVerify: cluster.skipTLSVerify,
    token: async (fresh) => (await credentials(fresh)).token,
    clientIdentity: async (fresh) => (await credentials(fresh)).identity,
    ...(first.ca === "" ? {} : { certificateAuthority: async () => (await credentials()).ca }),
  };
}

/**
 * Name of the kubeconfig's user, for what people leave behind in writing.
 *
 * @throws KubeconfigError
 */
export async function kubeconfigUser({
  path,
  context,
}: Omit<KubeconfigFileOptions, "clock">): Promise<string> {
  if (path !== undefined) return userNameIn(await readFile(path, "utf8"), context);
  const loaded = await load({ context });
  return loaded.getCurrentUser()?.name ?? "unknown";
}

function credentialSource(
  first: KubeConfig,
  options: KubeconfigFileOptions,
): (fresh?: boolean) => Promise<Credentials> {
  const { clock } = options;
  let config = first;
  let loadedAt = clock.monotonic();
  let asked: { credentials: Promise<Credentials>; at: number } | undefined;
  return async (fresh = false) => {
    const now = clock.monotonic();
    if (fresh && now - loadedAt >= RELOAD_AT_MOST_EVERY_MS) {
      loadedAt = now;
      config = await load(options);
      asked = undefined;
    }
    if (asked === undefined || now - asked.at >= ASK_EVERY_MS) {
      asked = { credentials: ask(config), at: now };
      asked.credentials.catch(() => {
        asked = undefined;
      });
    }
    return asked.credentials;
  };
}

async function load(options: Omit<KubeconfigFileOptions, "clock">): Promise<KubeConfig> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  const { path, context } = options;
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch {
    throw new KubeconfigError(
      `kubeconfig ${path ?? "of KUBECONFIG or ~/.kube/config"} cannot be read; check that it exists and is valid (kubectl config view)`,
    );
  }
  if (context !== undefined) config.setCurrentContext(context);
  if (config.getContextObject(config.getCurrentContext()) === null) {
    const known = config.getContexts().map((entry) => `"${entry.name}"`);
    throw new KubeconfigError(
      `kubeconfig has no context "${config.getCurrentContext()}"; choose one of: ${known.join(", ")}`,
    );
  }
  return config;
}

async function ask(config: KubeConfig): Promise<Credentials> {
  const applied: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(applied);
  } catch {
    throw new KubeconfigError(
      `kubeconfig user "${config.getCurrentUser()?.name ?? ""}" gives no credentials; its exec plug-in or file failed, run it by hand`,
    );
  }
  const certPem = pemText(applied.cert);
  const keyPem = pemText(applied.key);
  return {
    token: bearerToken(applied.headers),
    ca: pemText(applied.ca),
    identity: certPem === "" || keyPem === "" ? undefined : { certPem, keyPem },
  };
}

function bearerToken(headers: RequestOptions["headers"]): string | undefined {
  const value: unknown = new Map<string, unknown>(Object.entries(headers ?? {})).get("Authorization");
  return typeof value === "string" ? value.replace(/^Bearer /, "") : undefined;
}

function pemText(value: unknown): string {
  return typeof value === "string" ? value : Buffer.isBuffer(value) ? value.toString("utf8") : "";
}
