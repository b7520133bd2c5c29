import { createServer } from "node:https";
import { connect, type AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEtcdClient } from "#platform/etcd/client.ts";
import { issueClientCertificate, type AuthorityPair } from "#platform/x509/client-certificate.ts";
import { createAuthority, issueServing } from "#test/support/etcd-cluster.ts";

const member = {
  header: { cluster_id: "1", member_id: "18446744073709551615", revision: "5" },
  version: "3.6.0",
};

describe("a client of etcd over a stream that somebody else opened", () => {
  let authority: AuthorityPair;
  let server: ReturnType<typeof createServer>;
  let opened: Duplex[] = [];
  beforeAll(async () => {
    authority = await createAuthority("ec");
    const serving = await issueServing(authority, "10.0.0.7");
    server = createServer(
      { key: serving.keyPem, cert: serving.certPem, ca: authority.certPem, requestCert: true },
      (_, response) => response.end(JSON.stringify(member)),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  async function clientOf(
    url: string,
    over: { ca?: AuthorityPair; timeoutMs?: number; connect?: () => Promise<Duplex> } = {},
  ) {
    opened = [];
    const issued = await issueClientCertificate(authority, {
      commonName: "test",
      nowMs: Date.now(),
      validMs: 600_000,
    });
    const toServer = () => {
      const stream = connect((server.address() as AddressInfo).port, "127.0.0.1");
      opened.push(stream);
      return Promise.resolve(stream);
    };
    return createEtcdClient({
      url,
      credentials: { caPem: (over.ca ?? authority).certPem, ...issued },
      timeoutMs: over.timeoutMs ?? 5_000,
      signal: new AbortController().signal,
      connect: over.connect ?? toServer,
    });
  }

  it("is answered by the member whose address is in the URL, ids whole", async () => {
    const client = await clientOf("https://10.0.0.7:2379");
    expect((await client.status()).memberId).toBe("18446744073709551615");
    await expect.poll(() => opened.every((stream) => stream.destroyed)).toBe(true);
  });

  it("takes nobody else's answer: not from another host, not under another authority", async () => {
    const elsewhere = await clientOf("https://10.0.0.8:2379");
    await expect(elsewhere.status()).rejects.toMatchObject({ reason: "unreachable" });
    const foreign = await clientOf("https://10.0.0.7:2379", { ca: await createAuthority("ec") });
    await expect(foreign.status()).rejects.toMatchObject({ reason: "unreachable" });
  });

  it("waits no longer for the stream than for the answer, and closes one that comes late", async () => {
    const late = Promise.withResolvers<Duplex>();
    const client = await clientOf("https://10.0.0.7:2379", { timeoutMs: 50, connect: () => late.promise });
    await expect(client.status()).rejects.toMatchObject({ reason: "unreachable" });
    const stream = new PassThrough();
    late.resolve(stream);
    await expect.poll(() => stream.destroyed).toBe(true);
    const refused = await clientOf("https://10.0.0.7:2379", {
      connect: () => Promise.reject(new Error("no")),
    });
    await expect(refused.status()).rejects.toMatchObject({ reason: "unreachable" });
  });
});
