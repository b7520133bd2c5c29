import { describe, expect, test } from "vitest";
import { finding } from "#functions/incus/identity-rotate/finding.ts";
import { pairOf, readIdentity, type Identity } from "#functions/incus/identity-rotate/identity.ts";
import { GRACE_MS, planRotation } from "#functions/incus/identity-rotate/plan.ts";
import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { selfSignedSuccessor } from "#platform/x509/self-signed.ts";

const DAY_MS = 86_400_000;
const now = new Date("2026-01-01T00:00:00Z");

async function pair(from: number, to: number) {
  const { certPem } = await createCertificateAuthority("client", now.getTime() - 400 * DAY_MS, 3_650);
  const made = await selfSignedSuccessor(certPem, {
    notBefore: new Date(now.getTime() + from * DAY_MS),
    notAfter: new Date(now.getTime() + to * DAY_MS),
  });
  return pairOf(made.certPem, made.keyPem) ?? expect.fail();
}

async function identity(client: [number, number], next?: [number, number]): Promise<Identity> {
  return {
    url: "https://10.0.0.1:8443",
    serverCertPem: undefined,
    project: "default",
    client: await pair(...client),
    next: next === undefined ? undefined : await pair(...next),
  };
}

const former = (minutes: number, fingerprint = "old") => ({
  fingerprint,
  replaced: new Date(now.getTime() - minutes * 60_000).toISOString(),
});
const base = { former: [], mayRotate: true, isUsed: () => false };

describe("the plan for an identity", () => {
  test("replaces the client certificate from two thirds of its life on, and only if it may", async () => {
    const [young, old] = [await identity([-50, 40]), await identity([-70, 20])];
    expect(planRotation({ ...base, identity: young }, now)).toMatchObject({ due: false, replace: false });
    expect(planRotation({ ...base, identity: old }, now)).toMatchObject({ due: true, replace: true });
    expect(planRotation({ ...base, identity: old, mayRotate: false }, now)).toMatchObject({
      due: true,
      replace: false,
    });
  });

  test("goes on with a successor that is stored, and drops one that is not wanted or not good any more", async () => {
    const abandon = async (client: [number, number], next: [number, number], mayRotate = true) =>
      planRotation({ ...base, identity: await identity(client, next), mayRotate }, now).abandon;
    expect(await abandon([-70, 20], [0, 90])).toBe(false);
    expect(await abandon([-10, 80], [0, 90])).toBe(true);
    expect(await abandon([-70, 20], [-90, -1])).toBe(true);
    expect(await abandon([-70, 20], [0, 90], false)).toBe(true);
    const unusable: Identity = { ...(await identity([-70, 20])), next: "unusable" };
    expect(planRotation({ ...base, identity: unusable }, now).abandon).toBe(true);
  });

  test("retires what was replaced after the grace, unless another Secret holds it or it is the client's again", async () => {
    const made = await identity([-10, 80]);
    const [fresh, ended] = [former(GRACE_MS / 60_000 - 1, "fresh"), former(GRACE_MS / 60_000, "ended")];
    const both = { ...base, identity: made, former: [fresh, ended] };
    expect(planRotation(both, now)).toMatchObject({
      retire: [ended],
      keep: [fresh],
      retireAt: new Date(now.getTime() + 60_000),
    });
    expect(planRotation({ ...both, isUsed: (each) => each === "ended" }, now).retire).toEqual([]);
    expect(planRotation({ ...both, mayRotate: false }, now)).toMatchObject({
      retire: [],
      retireAt: undefined,
    });
    const back = [former(60, made.client.facts.fingerprint)];
    expect(planRotation({ ...both, former: back }, now)).toMatchObject({ retire: [], keep: [] });
  });
});

test("an identity that is none names the key and never its content", async () => {
  const good = await pair(-1, 90);
  const secret = (data: Record<string, string>): KubeObject => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "incus", namespace: "demo", uid: "u", resourceVersion: "1" },
    data: Object.fromEntries(
      Object.entries({
        server: "https://10.0.0.1:8443",
        "client-crt": good.certPem,
        "client-key": good.keyPem,
        ...data,
      }).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
    ),
  });
  expect(readIdentity(secret({}))).toMatchObject({ project: "default", serverCertPem: undefined });
  expect(readIdentity(secret({ server: "unix:///var/lib/incus/unix.socket" }))).toMatch(/key server: is not/);
  expect(readIdentity(secret({ "server-crt": "none" }))).toMatch(/key server-crt/);
  const other = await pair(-1, 90);
  const said = readIdentity(secret({ "client-key": other.keyPem }));
  expect(said).toMatch(/keys client-crt and client-key/);
  expect(said).not.toContain("PRIVATE");
  expect(readIdentity(secret({ "next-client-crt": other.certPem }))).toMatchObject({ next: "unusable" });
});

test("what the server shows is told of when it ends, after what is wrong with the client", () => {
  const facts = (days: number) => ({
    fingerprint: "f",
    notBefore: "2025-01-01T00:00:00Z",
    notAfter: new Date(now.getTime() + days * DAY_MS).toISOString().replace(".000Z", "Z"),
  });
  const look = (client: number, server: number) =>
    finding(
      {
        name: "incus",
        record: {
          checked: now.toISOString(),
          client: facts(client),
          server: facts(server),
          serverMatches: true,
        },
        unreadable: undefined,
        kept: undefined,
      },
      now,
    );
  expect(look(300, 300)).toBeUndefined();
  expect(look(300, 20)?.message).toMatch(
    /the server's certificate ends on 2026-01-21; renew it on the server/,
  );
  expect(look(20, 20)?.message).toMatch(/^the client certificate in Secret incus expires/);
});
