import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { Environment } from "#platform/process/environment.ts";

const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";
/** The kubelet refreshes a projected token at 80 % of its life; client-go re-reads it every minute too. */
const TOKEN_READ_EVERY_MS = 60_000;
const AUTHORITY_LOOK_EVERY_MS = 10_000;

export interface InClusterOptions {
  readonly environment: Environment;
  readonly clock: Clock;
  /** Where the service account is mounted; `/var/run/secrets/kubernetes.io/serviceaccount` by default. */
  readonly directory?: string | undefined;
}

/**
 * The connection a pod has to its own cluster (Kubernetes, "Accessing the Kubernetes API from a Pod"). Token and CA are read
 * again while the process runs. Undefined outside a pod.
 */
export function inClusterConfig(connection: string, options: InClusterOptions): ConnectionConfig | undefined {
  const host = options.environment.get("KUBERNETES_SERVICE_HOST");
  const port = options.environment.get("KUBERNETES_SERVICE_PORT");
  if (host === undefined || host === "" || port === undefined || port === "") return undefined;
  const directory = options.directory ?? SERVICE_ACCOUNT_DIRECTORY;
  return {
    connection,
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    token: tokenFile(join(directory, "token"), options.clock),
    certificateAuthority: authorityFile(join(directory, "ca.crt"), options.clock),
  };
}

function tokenFile(path: string, clock: Clock): (fresh?: boolean) => Promise<string> {
  let read: { token: string; at: number } | undefined;
  return async (fresh = false) => {
    const now = clock.monotonic();
    if (read === undefined || fresh || now - read.at >= TOKEN_READ_EVERY_MS) {
      read = { token: (await readFile(path, "utf8")).trim(), at: now };
    }
    return read.token;
  };
}

function authorityFile(path: string, clock: Clock): () => Promise<string> {
  let read: { pem: string; changedAt: number; lookedAt: number } | undefined;
  return async () => {
    const now = clock.monotonic();
    if (read !== undefined && now - read.lookedAt < AUTHORITY_LOOK_EVERY_MS) return read.pem;
    const { mtimeMs } = await stat(path);
    if (read?.changedAt === mtimeMs) read.lookedAt = now;
    else read = { pem: await readFile(path, "utf8"), changedAt: mtimeMs, lookedAt: now };
    return read.pem;
  };
}
