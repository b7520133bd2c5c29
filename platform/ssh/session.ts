import type { Duplex } from "node:stream";
import type { NodeSSH } from "node-ssh";
import { connectSsh, lostOrRefused, type SshTarget } from "#platform/ssh/connect.ts";
import { commandLine } from "#platform/ssh/command-line.ts";
import { SshError } from "#platform/ssh/errors.ts";
import { withinTime } from "#platform/ssh/time-limit.ts";

/** How a command ended. */
export interface SshResult {
  /** Exit code; undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SshCommandOptions {
  /** Runs it as root with `sudo -n`. */
  readonly sudo?: boolean;
  /** What the command reads; nothing when left out. */
  readonly stdin?: string;
  /** Longest run, ms; 15 s when left out. */
  readonly timeoutMs?: number;
  /** Most output, stdout and stderr together, bytes; 1 MiB when left out. */
  readonly maxBytes?: number;
}

/** One connection to one host. Every method throws {@link SshError}. */
export interface SshSession extends Disposable {
  /** Runs one command of these very words: no shell takes them apart further. A code other than 0 is a result, not an error. */
  run(argv: readonly string[], options?: SshCommandOptions): Promise<SshResult>;
  /** At most this many last bytes of a file; undefined when it cannot be read. */
  readTail(path: string, bytes: number, options?: SshCommandOptions): Promise<string | undefined>;
  /** A stream to a TCP port as the host sees it (direct-tcpip, RFC 4254, 7.2). The caller destroys it; it ends with the session. */
  forward(address: string, port: number): Promise<Duplex>;
}

const COMMAND_MS = 15_000;
const OUTPUT_BYTES = 1 << 20;

/**
 * Connects to a host, checks its key before anything else, and logs in.
 *
 * @throws SshError
 */
export async function openSsh(target: SshTarget, signal: AbortSignal): Promise<SshSession> {
  const ssh = await connectSsh(target, signal);
  const end = (): void => {
    signal.removeEventListener("abort", end);
    const connection = ssh.connection;
    connection?.end();
    connection?.destroy();
  };
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const what = `SSH to ${target.username}@${target.host}`;
  const run: SshSession["run"] = (argv, options = {}) => runCommand({ ssh, what, signal }, argv, options);
  return {
    run,
    readTail: async (path, bytes, options = {}) => {
      const words = ["tail", "-c", String(bytes), "--", path];
      const { code, stdout } = await run(words, { ...options, maxBytes: bytes + 4096 });
      return code === 0 ? stdout : undefined;
    },
    forward: async (address, port) => {
      const limit = { signal, timeoutMs: COMMAND_MS, what: `${what}: forwarding to port ${port}` };
      const opened = ssh.forwardOut("127.0.0.1", 0, address, port);
      try {
        return await withinTime(opened, limit);
      } catch (error) {
        if (error instanceof SshError) throw error;
        if (isConnectFailed(error)) throw new SshError(`${limit.what}: nothing answers there`, "portClosed");
        const mend = "sshd did not open it; look at AllowTcpForwarding and PermitOpen";
        throw lostOrRefused(ssh, `${limit.what}: ${mend}`);
      }
    },
    [Symbol.dispose]: end,
  };
}

/** SSH_OPEN_CONNECT_FAILED (RFC 4254, 5.1): forwarding is allowed, and the port is closed. */
function isConnectFailed(error: unknown): boolean {
  return error instanceof Error && "reason" in error && error.reason === 2;
}

interface Line {
  readonly ssh: NodeSSH;
  readonly what: string;
  readonly signal: AbortSignal;
}

async function runCommand(
  { ssh, what, signal }: Line,
  argv: readonly string[],
  { sudo = false, stdin, timeoutMs = COMMAND_MS, maxBytes = OUTPUT_BYTES }: SshCommandOptions,
): Promise<SshResult> {
  const whatRuns = `${what}: ${argv[0] ?? ""}`;
  const line = commandLine(argv, sudo);
  const output = { stdout: new Array<Buffer>(), stderr: new Array<Buffer>(), bytes: 0 };
  const overflow = Promise.withResolvers<never>();
  let close = (): void => {};
  const take = (chunks: Buffer[]) => (chunk: Buffer) => {
    output.bytes += chunk.length;
    if (output.bytes <= maxBytes) chunks.push(chunk);
    else overflow.reject(new SshError(`${whatRuns}: more than ${maxBytes} bytes of output`, "tooMuchOutput"));
  };
  const running = ssh.execCommand(line, {
    noTrim: true,
    encoding: "latin1",
    ...(stdin !== undefined && { stdin }),
    onChannel: (channel) => {
      close = () => channel.destroy();
      channel.on("error", () => {});
    },
    onStdout: take(output.stdout),
    onStderr: take(output.stderr),
  });
  try {
    const { code, signal: killedBy } = await withinTime(Promise.race([running, overflow.promise]), {
      signal,
      timeoutMs,
      what: whatRuns,
    });
    if (code === null && killedBy === null) throw lostOrRefused(ssh, whatRuns);
    const [stdout, stderr] = [output.stdout, output.stderr].map((chunks) =>
      Buffer.concat(chunks).toString("utf8"),
    );
    const result = { code: code ?? undefined, stdout: stdout ?? "", stderr: stderr ?? "" };
    if (sudo && result.code === 1 && /^sudo: /m.test(result.stderr)) {
      throw new SshError(
        `${whatRuns}: sudo -n did not run it; allow it in sudoers with NOPASSWD`,
        "sudoRefused",
      );
    }
    return result;
  } catch (error) {
    if (error instanceof SshError) throw error;
    throw lostOrRefused(ssh, `${whatRuns}: sshd did not run it`);
  } finally {
    close();
  }
}
