import { describe, expect, it } from "vitest";
import { parseHostKeys } from "#platform/ssh/host-keys.ts";
import { openSsh } from "#platform/ssh/session.ts";
import { sshPackages, startSilentServer, startSshServer } from "#test/support/ssh-server.ts";

const packages = await sshPackages();
const never = new AbortController().signal;

describe.skipIf("missing" in packages)("a host that is not as it should be", () => {
  it("is told nothing, not even a user's name, when its key has changed", async () => {
    await using server = await startSshServer();
    (await openSsh(server.target(), never))[Symbol.dispose]();
    expect(server.log()).toContain("userauth-request");
    const target = server.target();
    await server.changeHostKey();
    const failed = await openSsh(target, never).catch((error: unknown) => error);
    expect(failed).toMatchObject({ reason: "hostKeyChanged" });
    await expect.poll(() => server.log()).toMatch(/Connection (closed|reset) by|Disconnecting|disconnect/i);
    expect(server.log()).toContain("kex:");
    expect(server.log()).not.toContain("userauth-request");
    expect(server.log()).not.toContain("service-request");
  });

  it("has changed too when it no longer has a key of the pinned type", async () => {
    await using rsa = await startSshServer({ hostKey: "rsa" });
    (await openSsh(rsa.target(), never))[Symbol.dispose]();
    await using server = await startSshServer();
    const hostKeys = parseHostKeys(rsa.anyHost);
    if (typeof hostKeys === "string") throw new Error(hostKeys);
    await expect(openSsh(server.target({ hostKeys }), never)).rejects.toMatchObject({
      reason: "hostKeyChanged",
    });
  });

  it("is not dialled when no key is pinned for it", async () => {
    await using server = await startSshServer();
    const before = server.log();
    await expect(openSsh(server.target({ hostKeys: [] }), never)).rejects.toMatchObject({
      reason: "hostKeyUnknown",
      message: `SSH to capfn@${server.address}: no host key is pinned for ${server.address}; add its line to known_hosts`,
    });
    expect(server.log()).toBe(before);
  });

  it("is given up when it takes the connection and says nothing", async () => {
    await using server = await startSshServer();
    await using silent = await startSilentServer();
    const hostKeys = parseHostKeys(server.anyHost);
    if (typeof hostKeys === "string") throw new Error(hostKeys);
    const target = server.target({ host: silent.address, port: silent.port, hostKeys, connectMs: 300 });
    await expect(openSsh(target, never)).rejects.toMatchObject({ reason: "timedOut" });
    const attempt = new AbortController();
    const opening = openSsh({ ...target, connectMs: 60_000 }, attempt.signal);
    setTimeout(() => attempt.abort(), 100);
    await expect(opening).rejects.toMatchObject({ reason: "timedOut" });
  });

  it("is unreachable when nothing listens, and when it dies while a command runs", async () => {
    await using server = await startSshServer();
    using session = await openSsh(server.target(), never);
    const running = session.run(["sleep", "60"], { timeoutMs: 60_000 });
    const broken = expect(running).rejects.toMatchObject({ reason: "unreachable" });
    await expect.poll(() => server.log()).toContain("Starting session: command");
    await server.stop();
    await broken;
    await expect(session.run(["true"])).rejects.toMatchObject({ reason: "unreachable" });
    await expect(openSsh(server.target(), never)).rejects.toMatchObject({
      reason: "unreachable",
      message: `SSH to capfn@${server.address}: no SSH connection (ECONNREFUSED)`,
    });
  });

  it("runs its own command and nothing else where the key is restricted to one", async () => {
    await using server = await startSshServer({ forcedCommand: 'echo "asked for: $SSH_ORIGINAL_COMMAND"' });
    using session = await openSsh(server.target(), never);
    expect((await session.run(["cat", "/etc/shadow"])).stdout).toBe("asked for: cat /etc/shadow\n");
  });

  it("may refuse sudo, and forwarding, each of which is told", async () => {
    await using server = await startSshServer({ sudo: "refused", config: ["AllowTcpForwarding no"] });
    using session = await openSsh(server.target(), never);
    await expect(session.run(["cat", "/etc/shadow"], { sudo: true })).rejects.toMatchObject({
      reason: "sudoRefused",
      message: `SSH to capfn@${server.address}: cat: sudo -n did not run it; allow it in sudoers with NOPASSWD`,
    });
    await expect(session.forward("127.0.0.1", 2379)).rejects.toMatchObject({
      reason: "refused",
      message: /AllowTcpForwarding/,
    });
    await using willing = await startSshServer({ sudo: "allowed" });
    using other = await openSsh(willing.target(), never);
    expect((await other.run(["echo", "as root"], { sudo: true })).stdout).toBe("as root\n");
  });
});
