import { createPrivateKey, X509Certificate } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { identityRotate } from "#functions/incus/identity-rotate/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";
import { createIncusClient } from "#platform/incus/client.ts";
import { readIdentityRecord } from "#platform/incus/identity-record.ts";
import { secrets } from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { selfSignedSuccessor } from "#platform/x509/self-signed.ts";
import { lxdHere, startLxd, type TestLxd } from "#test/support/lxd-server.ts";
import { fakeDeps, type FakeDeps, type FakeDepsOptions } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

const DAY_MS = 86_400_000;
const GRACE_MS = 20 * 60_000;
const AHEAD_MS = 3 * 3_600_000;
const at = { namespace: "demo", name: "incus-identity" };
/** Earlier than it is, so that what is made later by a clock that is put forward is valid already for the server. */
const start = Math.floor(systemClock().now() / 1_000) * 1_000 - AHEAD_MS;
const here = await lxdHere();
if ("missing" in here) console.warn(`not tested with a real LXD: ${here.missing}`);

interface Pair {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A client certificate valid from and to so many days from now. */
async function clientPair(from = -80, to = 10): Promise<Pair> {
  const { certPem } = await createCertificateAuthority("k8slab-capn", start - 400 * DAY_MS, 3_650);
  return selfSignedSuccessor(certPem, {
    notBefore: new Date(start + from * DAY_MS),
    notAfter: new Date(start + to * DAY_MS),
  });
}

function fingerprint({ certPem }: Pick<Pair, "certPem">): string {
  return new X509Certificate(certPem).fingerprint256.replaceAll(":", "").toLowerCase();
}

describe.skipIf("missing" in here)("an identity for a real LXD", () => {
  let lxd: TestLxd;
  beforeAll(async () => {
    lxd = await startLxd("roots" in here ? here.roots : []);
    await lxd.call("POST", "/1.0/projects", { name: "capi-lab", config: { "features.images": "false" } });
  });
  afterAll(() => lxd[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const known of await lxd.trusted()) await lxd.call("DELETE", `/1.0/certificates/${known}`);
  });

  const base64 = (text: string) => Buffer.from(text).toString("base64");
  function identitySecret(
    pair: Pair,
    annotations: object,
    over: { name?: string; data?: object } = {},
  ): object {
    return {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...at, name: over.name ?? at.name, annotations },
      data: {
        server: base64(lxd.url),
        "server-crt": base64(lxd.serverCertPem),
        "client-crt": base64(pair.certPem),
        "client-key": base64(pair.keyPem),
        project: base64("capi-lab"),
        ...over.data,
      },
    };
  }
  const rotate = { "capfn.dev/incus-identity": "rotate" };

  function stage(objects: readonly object[], over: FakeDepsOptions = {}) {
    let now = new Date(start);
    const base = fakeDeps({ management: objects, ...over });
    const deps: FakeDeps = { ...base, now: () => now };
    const stored = (name = at.name): Pair & { readonly keys: string[] } => {
      const data = deps.management.peek(secrets, { ...at, name })?.["data"] as Record<string, string>;
      const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString();
      return { certPem: text("client-crt"), keyPem: text("client-key"), keys: Object.keys(data) };
    };
    return {
      deps,
      stored,
      later: (ms: number) => void (now = new Date(now.getTime() + ms)),
      run: async (name = at.name): Promise<Outcome | undefined> =>
        (await stepWorld(deps, at.namespace).run(identityRotate, [name]))[name],
      record: () =>
        readIdentityRecord(
          deps.management.peek(secrets, at)?.metadata.annotations?.["capfn.dev/incus-certificates"],
        ),
      events: () => deps.announced.map(({ event }) => event.reason),
      message: () => deps.announced.at(-1)?.event.message ?? "",
      works: (pair: Pair) =>
        createIncusClient({
          url: lxd.url,
          serverCertPem: lxd.serverCertPem,
          ...pair,
          signal: new AbortController().signal,
        }).isTrusted(),
    };
  }

  test("that is in order is looked at, and again when its certificate is due; nothing is changed", async () => {
    const pair = await clientPair(-10, 80);
    await lxd.trust(pair.certPem);
    const made = stage([identitySecret(pair, rotate)]);
    made.later(AHEAD_MS);
    const outcome = await made.run();
    expect(outcome).toMatchObject({ kind: "waitFor", timeoutMs: 50 * DAY_MS - AHEAD_MS });
    expect(made.record()).toMatchObject({ client: { fingerprint: fingerprint(pair) }, serverMatches: true });
    expect(made.record()?.server?.fingerprint).toBe(fingerprint({ certPem: lxd.serverCertPem }));
    expect(await lxd.trusted()).toEqual([fingerprint(pair)]);
    expect(made.events()).toEqual([]);
    expect(JSON.stringify(made.record())).not.toContain("PRIVATE");
  });

  test("has its client certificate replaced at two thirds of its life; the old one stays trusted until nobody uses it", async () => {
    const old = await clientPair();
    await lxd.trust(old.certPem);
    const made = stage([identitySecret(old, rotate)]);
    expect(await made.run()).toMatchObject({ kind: "waitFor", timeoutMs: GRACE_MS });
    const fresh = made.stored();
    expect(fingerprint(fresh)).not.toBe(fingerprint(old));
    expect(new X509Certificate(fresh.certPem).checkPrivateKey(createPrivateKey(fresh.keyPem))).toBe(true);
    expect(new X509Certificate(fresh.certPem).subject).toBe(new X509Certificate(old.certPem).subject);
    expect(await Promise.all([made.works(fresh), made.works(old)])).toEqual([true, true]);
    expect(made.events()).toEqual(["CertificateReissued"]);
    made.later(GRACE_MS - 1_000);
    await made.run();
    expect(await made.works(old)).toBe(true);
    made.later(2_000);
    await made.run();
    expect(await Promise.all([made.works(fresh), made.works(old)])).toEqual([true, false]);
    expect(await lxd.trusted()).toEqual([fingerprint(fresh)]);
    expect(made.stored().keys).not.toContain("next-client-key");
    expect(made.record()).not.toHaveProperty("former");
    expect(made.events()).toEqual(["CertificateReissued", "IncusTrustRemoved"]);
    expect(made.deps.counted).toEqual(["capfn_certificates_reissued_total"]);
  });

  test("that is restricted to a project is introduced by the identity that may, with the same restriction", async () => {
    const [old, admin] = [await clientPair(), await clientPair(-1, 300)];
    await lxd.trust(old.certPem, { restricted: true, projects: ["capi-lab"], name: "k8slab-capn" });
    await lxd.trust(admin.certPem);
    const alone = stage([identitySecret(old, rotate)]);
    expect(await alone.run()).toMatchObject({ kind: "waitFor" });
    expect(alone.events()).toEqual(["CertificateExpiring"]);
    expect(alone.message()).toMatch(/does not let it change the trust store; name a Secret/);
    expect(fingerprint(alone.stored())).toBe(fingerprint(old));

    const helped = stage([
      identitySecret(old, { ...rotate, "capfn.dev/incus-admin": "admin" }),
      identitySecret(admin, {}, { name: "admin" }),
    ]);
    await helped.run();
    const print = fingerprint(helped.stored());
    expect(print).not.toBe(fingerprint(old));
    expect(await lxd.call("GET", `/1.0/certificates/${print}`)).toMatchObject({
      name: "k8slab-capn",
      restricted: true,
      projects: ["capi-lab"],
    });
    helped.later(GRACE_MS + 1_000);
    await helped.run();
    expect(await lxd.trusted()).toEqual([print, fingerprint(admin)].toSorted());
  });

  test("of which there are copies goes on being trusted until the last of them has been replaced", async () => {
    const old = await clientPair();
    await lxd.trust(old.certPem);
    const made = stage([identitySecret(old, rotate), identitySecret(old, rotate, { name: "copy" })]);
    await made.run();
    made.later(GRACE_MS + 1_000);
    await made.run();
    expect(await made.works(old)).toBe(true);
    await made.run("copy");
    await made.run();
    expect(await made.works(old)).toBe(false);
    expect(await Promise.all([made.works(made.stored()), made.works(made.stored("copy"))])).toEqual([
      true,
      true,
    ]);
    made.later(GRACE_MS + 1_000);
    await made.run("copy");
    expect(await lxd.trusted()).toHaveLength(2);
  });

  test("whose server shows another certificate than the pinned one is told of, and nothing is sent or trusted", async () => {
    const old = await clientPair();
    await lxd.trust(old.certPem);
    const other = await clientPair(-1, 300);
    const made = stage([identitySecret(old, rotate, { data: { "server-crt": base64(other.certPem) } })]);
    await made.run();
    expect(made.record()).toMatchObject({ serverMatches: false });
    expect(made.events()).toEqual(["IncusServerChanged"]);
    expect(fingerprint(made.stored())).toBe(fingerprint(old));
    const data = made.deps.management.peek(secrets, at)?.["data"] as Record<string, string>;
    expect(data["server-crt"]).toBe(base64(other.certPem));
    await expect(
      createIncusClient({
        url: lxd.url,
        serverCertPem: other.certPem,
        ...old,
        signal: new AbortController().signal,
      }).isTrusted(),
    ).rejects.toMatchObject({ reason: "unpinned" });
  });

  test.each([
    {
      how: "is not known to the server",
      valid: [-80, 10],
      reason: "CertificateExpiring",
      why: /trust store does not have it/,
    },
    { how: "has expired", valid: [-100, -1], reason: "CertificateExpired", why: /expired on/ },
  ])("that $how is left as it is, and people are told", async ({ valid: [from, to], reason, why }) => {
    const old = await clientPair(from, to);
    const stranger = await clientPair(-1, 300);
    await lxd.trust(stranger.certPem);
    const made = stage([
      identitySecret(old, { ...rotate, "capfn.dev/incus-admin": "admin" }),
      identitySecret(stranger, {}, { name: "admin" }),
    ]);
    await made.run();
    await made.run();
    expect(made.events()).toEqual([reason]);
    expect(made.message()).toMatch(why);
    expect(fingerprint(made.stored())).toBe(fingerprint(old));
    expect(await lxd.trusted()).toEqual([fingerprint(stranger)]);
  });

  test("that is only watched is told of when it is due, and never changed", async () => {
    const old = await clientPair();
    await lxd.trust(old.certPem);
    const made = stage([identitySecret(old, { "capfn.dev/incus-identity": "watch" })]);
    await made.run();
    expect(made.message()).toMatch(/set the annotation capfn.dev\/incus-identity to rotate/);
    expect(fingerprint(made.stored())).toBe(fingerprint(old));
  });

  test("whose note of a former certificate was forged shuts nobody out", async () => {
    const [pair, victim] = [await clientPair(-10, 80), await clientPair(-10, 80)];
    await lxd.trust(pair.certPem);
    await lxd.trust(victim.certPem, { name: "somebody-else" });
    const former = [{ fingerprint: fingerprint(victim), replaced: new Date(start - DAY_MS).toISOString() }];
    const note = JSON.stringify({ checked: new Date(start).toISOString(), former });
    const made = stage([identitySecret(pair, { ...rotate, "capfn.dev/incus-certificates": note })]);
    await made.run();
    expect(await lxd.trusted()).toContain(fingerprint(victim));
    expect(made.events()).toEqual(["IncusTrustLeft"]);
  });

  test("is taken up by the next process wherever the one before died, and is trusted at every moment", async () => {
    let died = 0;
    for (const moment of ["before", "after"] as const) {
      for (let n = 0; ; n += 1) {
        for (const known of await lxd.trusted()) await lxd.call("DELETE", `/1.0/certificates/${known}`);
        const old = await clientPair();
        await lxd.trust(old.certPem);
        const made = stage([identitySecret(old, rotate)]);
        const killed = dyingAt(made.deps, n, moment);
        const life = () => made.run().catch(() => undefined);
        await life();
        expect(await made.works(made.stored())).toBe(true);
        made.later(GRACE_MS + 1_000);
        await life();
        expect(await made.works(made.stored())).toBe(true);
        for (let again = 0; again < 3; again += 1) {
          await life();
          made.later(GRACE_MS + 1_000);
        }
        await life();
        expect(await lxd.trusted()).toEqual([fingerprint(made.stored())]);
        expect(fingerprint(made.stored())).not.toBe(fingerprint(old));
        expect(made.stored().keys).not.toContain("next-client-crt");
        if (!killed()) break;
        died += 1;
      }
    }
    console.log(
      `killed at ${died} moments: the certificate in the Secret was trusted after each, and one was left`,
    );
    expect(died).toBeGreaterThan(20);
  });

  test("is not touched by a process that has lost the lead", async () => {
    const old = await clientPair();
    await lxd.trust(old.certPem);
    const made = stage([identitySecret(old, rotate)], { mayWrite: false });
    await expect(made.run()).rejects.toThrow("no longer leading");
    expect(await lxd.trusted()).toEqual([fingerprint(old)]);
  });
});

/** Ends the process at the n-th call to the API server or to LXD, once: what was asked has not happened, or nobody heard that it has. */
function dyingAt(deps: FakeDeps, n: number, moment: "before" | "after"): () => boolean {
  let calls = 0;
  let dead = false;
  const dying = async <T>(act: () => Promise<T>): Promise<T> => {
    const dies = calls === n;
    calls += 1;
    if (dies) dead = true;
    if (dies && moment === "before") throw new Error("killed");
    const answer = await act();
    if (dies) throw new Error("killed");
    return answer;
  };
  const incus = deps.incus.bind(deps);
  const get = deps.management.get.bind(deps.management);
  const mergePatch = deps.management.mergePatch.bind(deps.management);
  Object.assign(deps.management, {
    get: (...all: Parameters<typeof get>) => dying(() => get(...all)),
    mergePatch: (...all: Parameters<typeof mergePatch>) => dying(() => mergePatch(...all)),
  });
  Object.assign(deps, {
    incus: (endpoint: Parameters<typeof incus>[0]) => {
      const client = incus(endpoint);
      return Object.fromEntries(
        Object.entries(client).map(([name, call]) => [
          name,
          (...all: never[]) => dying(() => (call as (...all: never[]) => Promise<unknown>)(...all)),
        ]),
      );
    },
  });
  return () => dead;
}
