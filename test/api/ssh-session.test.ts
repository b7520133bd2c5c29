import { createServer } from "node:http";
import { writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeAccess } from "#functions/cluster-api/node-access.ts";
import { parseHostKeys } from "#platform/ssh/host-keys.ts";
import { openSsh } from "#platform/ssh/session.ts";
import { sshPackages, startSshServer, type SshServer } from "#test/support/ssh-server.ts";
import { fakeDeps } from "#test/support/step-deps.ts";

const packages = await sshPackages();
const never = new AbortController().signal;

describe.skipIf("missing" in packages)("a session with a real sshd", () => {
  let server: SshServer;
  beforeAll(async () => {
    server = await startSshServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it("runs a command of exactly these words and tells its output and exit code", async () => {
    using session = await openSsh(server.target(), never);
    expect(await session.run(["printf", "%s|", "it's", "$HOME;id", ""])).toEqual({
      code: 0,
      stdout: "it's|$HOME;id||",
      stderr: "",
    });
    expect(await session.run(["sh", "-c", "echo ü; echo wrong >&2; exit 7"])).toEqual({
      code: 7,
      stdout: "ü\n",
      stderr: "wrong\n",
    });
    expect((await session.run(["sh", "-c", "kill -9 $PPID"])).code).toBeUndefined();
  });

  it("hands a command what it reads, and nothing when there is nothing", async () => {
    using session = await openSsh(server.target(), never);
    expect((await session.run(["cat"], { stdin: "two\nlines" })).stdout).toBe("two\nlines");
    expect((await session.run(["cat"])).stdout).toBe("");
  });

  it("reads the end of a file", async () => {
    await writeFile(join(server.home, "a log"), `${"x".repeat(100_000)}the end`);
    using session = await openSsh(server.target(), never);
    expect(await session.readTail(join(server.home, "a log"), 7)).toBe("the end");
    expect(await session.readTail(join(server.home, "no such file"), 7)).toBeUndefined();
  });

  it("takes its host for the right one by a fingerprint or by a name too", async () => {
    const byFingerprint = parseHostKeys(`[${server.address}]:${server.port} ${server.fingerprint}`);
    const byName = parseHostKeys(server.knownHosts.replace(`[${server.address}]`, "[cp-1]"));
    if (typeof byFingerprint === "string" || typeof byName === "string") throw new Error("unfit");
    (await openSsh(server.target({ hostKeys: byFingerprint }), never))[Symbol.dispose]();
    (await openSsh(server.target({ hostKeys: byName, knownAs: ["cp-1"] }), never))[Symbol.dispose]();
    await expect(openSsh(server.target({ hostKeys: byName }), never)).rejects.toMatchObject({
      reason: "hostKeyUnknown",
    });
  });

  it("gives up a command that takes too long, and is of use afterwards", async () => {
    using session = await openSsh(server.target(), never);
    await expect(session.run(["sleep", "60"], { timeoutMs: 300 })).rejects.toMatchObject({
      reason: "timedOut",
      message: `SSH to capfn@${server.address}: sleep: not within 300 ms`,
    });
    expect((await session.run(["echo", "still here"])).stdout).toBe("still here\n");
  });

  it("gives up a command when the attempt ends", async () => {
    const attempt = new AbortController();
    using session = await openSsh(server.target(), attempt.signal);
    const running = session.run(["sleep", "60"]);
    setTimeout(() => attempt.abort(), 200);
    await expect(running).rejects.toMatchObject({ reason: "timedOut" });
    await expect(session.run(["true"])).rejects.toMatchObject({ reason: "timedOut" });
  });

  it("stops a command that says too much, and repeats nothing of what it said", async () => {
    using session = await openSsh(server.target(), never);
    const failed = await session
      .run(["yes", "secret"], { maxBytes: 10_000 })
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ reason: "tooMuchOutput" });
    expect(String(failed)).not.toContain("secret");
    expect((await session.run(["echo", "on"])).code).toBe(0);
  });

  it("is not let in with another key, and says nothing of either", async () => {
    const other = await startSshServer();
    const failed = await openSsh(server.target({ privateKey: other.privateKey }), never).catch(
      (error: unknown) => error,
    );
    await other[Symbol.asyncDispose]();
    expect(failed).toMatchObject({ reason: "unauthenticated" });
    expect(String(failed)).not.toContain("KEY");
    await expect(openSsh(server.target({ username: "nobody" }), never)).rejects.toMatchObject({
      reason: "unauthenticated",
    });
    const unreadable = openSsh(server.target({ privateKey: "no key" }), never);
    await expect(unreadable).rejects.toMatchObject({ reason: "unauthenticated", message: /PEM/ });
  });

  it("reaches a port of the host through the connection", async () => {
    const http = createServer((_, response) => response.end("from inside")).listen(0, "127.0.0.1");
    await new Promise((resolve) => http.once("listening", resolve));
    using session = await openSsh(server.target(), never);
    const stream = await session.forward("127.0.0.1", (http.address() as AddressInfo).port);
    stream.end("GET / HTTP/1.0\r\n\r\n");
    let said = "";
    for await (const chunk of stream) said += String(chunk);
    http.close();
    expect(said).toMatch(/from inside$/);
    await expect(session.forward("127.0.0.1", 1)).rejects.toMatchObject({
      reason: "portClosed",
      message: `SSH to capfn@${server.address}: forwarding to port 1: nothing answers there`,
    });
  });
});

describe.skipIf("missing" in packages)("SSH access from the Secret of a Cluster", () => {
  it("logs in to a machine, at its next address when nothing answers at the first", async () => {
    await using server = await startSshServer();
    const data = {
      "ssh-privatekey": server.privateKey,
      username: "capfn",
      known_hosts: `[cp-1]:${server.port} ${server.anyHost.slice(2)}`,
      port: String(server.port),
    };
    const encoded = Object.entries(data).map(([name, value]) => [
      name,
      Buffer.from(value).toString("base64"),
    ]);
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: "demo", name: "shop-ssh" },
      data: Object.fromEntries(encoded) as object,
    };
    const access = await nodeAccess(fakeDeps({ management: [secret] }), { namespace: "demo", name: "shop" });
    if (access === undefined || typeof access === "string") throw new Error(String(access));
    const addresses = ["127.255.255.1", server.address];
    using session = await access.open({ addresses, names: ["cp-1"] });
    expect((await session.run(["id", "-un"])).code).toBeDefined();
  });
});
