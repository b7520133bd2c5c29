import type { NodeSSH } from "node-ssh";
import { SshError } from "#platform/ssh/errors.ts";
import { expectedKeys, type ExpectedKeys, type HostKeys } from "#platform/ssh/host-keys.ts";
import { withinTime } from "#platform/ssh/time-limit.ts";

/** A host, who we are there, and by what it is known. */
export interface SshTarget {
  /** Address or name to dial. */
  readonly host: string;
  /** 22 when left out. */
  readonly port?: number;
  /** Further names under which its key may be pinned, e.g. that of the Node. */
  readonly knownAs?: readonly string[];
  readonly username: string;
  /** OpenSSH or PEM, not encrypted. */
  readonly privateKey: string;
  readonly hostKeys: HostKeys;
  /** Longest wait until logged in, ms; 10 s when left out. */
  readonly connectMs?: number;
}

type ConnectConfig = Parameters<NodeSSH["connect"]>[0];

const CONNECT_MS = 10_000;

/**
 * A connection on which the host has proved one of its pinned keys and the user is logged in. node-ssh is loaded by the first call: an idle hub does
 * without it.
 *
 * @throws SshError
 */
export async function connectSsh(target: SshTarget, signal: AbortSignal): Promise<NodeSSH> {
  const { host, port, knownAs = [], username, connectMs = CONNECT_MS } = target;
  const what = `SSH to ${username}@${host}`;
  const expected = expectedKeys(target.hostKeys, [host, ...knownAs], port);
  if (expected === undefined) {
    throw new SshError(
      `${what}: no host key is pinned for ${[host, ...knownAs].join(" or ")}; add its line to known_hosts`,
      "hostKeyUnknown",
    );
  }
  const { NodeSSH } = await import("node-ssh");
  const ssh = new NodeSSH();
  const shown: { key: "none" | "pinned" | "other" } = { key: "none" };
  const config = configOf(target, expected, (accepted) => (shown.key = accepted ? "pinned" : "other"));
  try {
    const connecting = ssh.connect(config);
    // node-ssh stops listening once it is connected; a connection that breaks later would then end the whole process.
    ssh.connection?.on("error", () => {});
    await withinTime(connecting, { signal, timeoutMs: connectMs, what });
    return ssh;
  } catch (error) {
    ssh.connection?.destroy();
    if (error instanceof SshError) throw error;
    const said = error instanceof Error ? error.message : "";
    if (shown.key === "other" || said.endsWith("no matching host key format")) {
      throw new SshError(
        `${what}: the host does not show a key that is pinned for it; if it was made anew, replace its line in known_hosts`,
        "hostKeyChanged",
      );
    }
    if (said.includes("parse privateKey")) {
      throw new SshError(
        `${what}: the private key cannot be read; it must be an OpenSSH or PEM key without a passphrase`,
        "unauthenticated",
      );
    }
    if (shown.key === "pinned" && isAuthenticationFault(error)) {
      throw new SshError(
        `${what}: the host does not accept the key for this user; look at its authorized_keys`,
        "unauthenticated",
      );
    }
    throw new SshError(`${what}: no SSH connection (${codeOf(error)})`, "unreachable");
  }
}

function configOf(
  { host, port, username, privateKey }: SshTarget,
  expected: ExpectedKeys,
  judged: (accepted: boolean) => void,
): ConnectConfig {
  return {
    host,
    ...(port !== undefined && { port }),
    username,
    privateKey,
    authHandler: ["publickey"],
    // The limit is kept here, together with the end of the attempt.
    readyTimeout: 0,
    hostVerifier: (key: Buffer) => {
      const accepted = expected.accepts(key);
      judged(accepted);
      return accepted;
    },
    ...(expected.algorithms !== undefined && { algorithms: { serverHostKey: [...expected.algorithms] } }),
  };
}

function isAuthenticationFault(error: unknown): boolean {
  return error instanceof Error && "level" in error && error.level === "client-authentication";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : "broken off";
}

/** What to say when the host did not do what it was asked: the connection is gone, or it may not. */
export function lostOrRefused(ssh: NodeSSH, message: string): SshError {
  return ssh.isConnected() ? new SshError(message, "refused") : new SshError(message, "unreachable");
}
