import { readFile } from "node:fs/promises";

import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { KubeconfigError, parseKubeconfig } from "#platform/kube/kubeconfig.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface SelfContainedKubeconfig {
  readonly clock: Clock;
  readonly path: string;
  /** The current context when not given. */
  readonly context?: string | undefined;
}

/** Token and certificate are asked for one after the other after a 401; that is one refusal, not two. */
export const RELOAD_AT_MOST_EVERY_MS = 1_000;

/**
 * The connection of a kubeconfig file that runs no program and names no further file. After a 401 the file is read again.
 *
 * @throws KubeconfigError
 */
export async function selfContainedKubeconfig(
  connection: string,
  file: SelfContainedKubeconfig,
): Promise<ConnectionConfig> {
  const { clock } = file;
  const first = await read(connection, file);
  let current = first;
  let readAt = clock.monotonic();
  const latest = async (fresh: boolean | undefined): Promise<ConnectionConfig> => {
    const now = clock.monotonic();
    if (fresh === true && now - readAt >= RELOAD_AT_MOST_EVERY_MS) {
      readAt = now;
      current = await read(connection, file).catch(() => current);
    }
    return current;
  };
  return {
    ...first,
    token: async (fresh) => {
      const { token } = await latest(fresh);
      return typeof token === "string" ? token : undefined;
    },
    clientIdentity: async (fresh) => {
      const { clientCertPem: certPem, clientKeyPem: keyPem } = await latest(fresh);
      return certPem === undefined || keyPem === undefined ? undefined : { certPem, keyPem };
    },
    ...(first.caPem !== undefined && { certificateAuthority: async () => (await latest(false)).caPem ?? "" }),
  };
}

async function read(
  connection: string,
  { path, context }: SelfContainedKubeconfig,
): Promise<ConnectionConfig> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined)
    throw new KubeconfigError(`kubeconfig ${path} cannot be read; check that it exists`);
  return parseKubeconfig(text, connection, context);
}
