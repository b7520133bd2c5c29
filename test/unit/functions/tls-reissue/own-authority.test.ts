import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { projectionOf } from "#events/hub/projection.ts";
import { secretView } from "#platform/cluster-api/secret.ts";
import { secrets } from "#platform/kube/resources.ts";
import { authority, inDays, leaf, server, tlsSecret, watching } from "./marked-secret.ts";

const DAY_MS = 86_400_000;
const own = { "capfn.dev/certificate-authority": "demo-authority" };

describe("a certificate of an authority the Secret names", () => {
  test("is looked at once, and again when it changes or when two thirds of its life are over", async () => {
    const ca = await authority();
    const made = watching([tlsSecret(await leaf(ca, -10, 80), own), tlsSecret(ca, {}, "demo-authority")]);
    expect(await made.need()).toBe(true);
    expect(await made.run()).toMatchObject({
      kind: "waitFor",
      timeoutMs: 50 * DAY_MS,
      targets: [{ ref: { namespace: "demo", name: "web-tls" } }],
    });
    expect(made.record()?.stored?.notAfter).toBe("2026-03-22T00:00:00Z");
    const written = made.deps.requests.length;
    await made.run(inDays(49));
    expect(made.deps.requests.slice(written).map(({ verb }) => verb)).toEqual(["get"]);
  });

  test.each([
    ["is due", -80, 10],
    ["has expired", -100, -1],
  ])(
    "is reissued when it %s: another key, the same names and uses, signed by that authority",
    async (_, from, to) => {
      const ca = await authority();
      const old = await leaf(ca, from, to);
      const made = watching([tlsSecret(old, own), tlsSecret(ca, {}, "demo-authority")]);
      await made.run();
      const { certPem, keyPem } = made.stored();
      const [before, after] = [new X509Certificate(old.certPem), new X509Certificate(certPem)];
      expect(after.verify(new X509Certificate(ca.certPem).publicKey)).toBe(true);
      expect(after.subjectAltName).toBe(before.subjectAltName);
      expect(after.keyUsage).toEqual(before.keyUsage);
      expect(after.subject).toBe(before.subject);
      expect(after.publicKey.equals(before.publicKey)).toBe(false);
      expect(after.checkPrivateKey(await import("node:crypto").then((c) => c.createPrivateKey(keyPem)))).toBe(
        true,
      );
      expect(after.validToDate).toEqual(inDays(365));
      expect(made.events()).toEqual(["CertificateReissued"]);
      expect(made.deps.counted).toEqual(["capfn_certificates_reissued_total"]);
      expect(await made.run()).toMatchObject({ kind: "waitFor" });
      expect(made.events()).toHaveLength(1);
    },
  );

  test("stays as it is, and people are told why, when the authority is another, gone, or over", async () => {
    const ca = await authority();
    const old = await leaf(ca, -80, 10);
    const cases = [
      [
        tlsSecret(await authority(), {}, "demo-authority"),
        /the authority in Secret demo-authority did not issue it/,
      ],
      [tlsSecret({ ...ca, keyPem: (await authority()).keyPem }, {}, "demo-authority"), /did not issue it/],
      [tlsSecret(ca, {}, "something-else"), /has no authority with a key/],
    ] as const;
    for (const [object, why] of cases) {
      const made = watching([tlsSecret(old, own), object]);
      const before = made.stored();
      expect(await made.run()).toMatchObject({ kind: "waitFor", timeoutMs: DAY_MS });
      expect(made.stored()).toEqual(before);
      expect(made.events()).toEqual(["CertificateExpiring"]);
      expect(made.message()).toMatch(why);
      await made.run();
      expect(made.events()).toHaveLength(1);
    }
  });

  test("is not reissued to who has but the certificate, which is public, and not its key", async () => {
    const ca = await authority();
    const stolen = { certPem: (await leaf(ca, -80, 10)).certPem, keyPem: (await leaf(ca, -1, 10)).keyPem };
    const made = watching([tlsSecret(stolen, own), tlsSecret(ca, {}, "demo-authority")]);
    await made.run();
    expect(made.stored()).toEqual(stolen);
    expect(made.message()).toMatch(/tls\.key is not its key/);
  });

  test("that is an authority itself is never reissued", async () => {
    const ca = await authority(500);
    const made = watching([tlsSecret(ca, own), tlsSecret(ca, {}, "demo-authority")]);
    await made.run(inDays(90));
    expect(made.message()).toMatch(/it is an authority itself/);
  });

  test("that is not valid yet is told of, and looked at again when it begins", async () => {
    const ca = await authority();
    const made = watching([tlsSecret(await leaf(ca, 2, 300), own), tlsSecret(ca, {}, "demo-authority")]);
    expect(await made.run()).toMatchObject({ timeoutMs: 2 * DAY_MS - 300_000 });
    expect(made.events()).toEqual(["CertificateNotYetValid"]);
  });

  test("is written only over the version that was read", async () => {
    const ca = await authority();
    const made = watching([tlsSecret(await leaf(ca, -80, 10), own), tlsSecret(ca, {}, "demo-authority")]);
    await made.run();
    const patch = made.deps.requests.find(({ verb }) => verb === "mergePatch");
    expect(patch?.body).toMatchObject({ metadata: { resourceVersion: expect.any(String) as string } });
  });
});

describe("a certificate that is served", () => {
  test("is done when the server shows the new one, and not before: looked for, then parked", async () => {
    const ca = await authority();
    const old = await leaf(ca, -80, 10);
    await using web = await server(old);
    const marks = { ...own, "capfn.dev/certificate-served-at": web.place };
    const made = watching([tlsSecret(old, marks), tlsSecret(ca, {}, "demo-authority")]);
    for (const minutes of [1, 2, 4, 8, 16]) {
      expect(await made.run()).toMatchObject({ kind: "waitFor", timeoutMs: minutes * 60_000 });
    }
    expect(await made.run()).toMatchObject({ kind: "failed", reason: "CertificateNotServed" });
    expect(made.events()).toEqual(["CertificateReissued", "CertificateNotServed"]);
    expect(made.message()).toMatch(/shows another certificate than that in Secret web-tls; restart/);
    web.show(made.stored());
    expect(await made.run()).toMatchObject({ kind: "waitFor", timeoutMs: expect.any(Number) as number });
    expect(made.record()).not.toHaveProperty("unserved");
    expect(made.record()?.served).toEqual(made.record()?.stored);
  });

  test.each([
    ["nobody listens", "127.0.0.1:9"],
    ["the place is none", "https://web/x"],
  ])("is not done when %s", async (_, place) => {
    const ca = await authority();
    const marks = { "capfn.dev/watch-certificate": "true", "capfn.dev/certificate-served-at": place };
    const made = watching([tlsSecret(await leaf(ca, -1, 300), marks)]);
    expect(await made.run()).toMatchObject({ timeoutMs: 60_000 });
    expect(made.message()).toMatch(/shows no certificate in Secret web-tls/);
  });
});

describe("other Secrets", () => {
  test("are none of our business, and the index holds nothing of them but their version", async () => {
    const files = await leaf(await authority(), -80, 10);
    for (const annotations of [
      {},
      { "capfn.dev/watch-certificate": "false", "cert-manager.io/certificate-name": "x" },
    ]) {
      const made = watching([tlsSecret(files, annotations)]);
      expect(await made.need()).toBe(false);
      const object = made.deps.management.peek(secrets, { namespace: "demo", name: "web-tls" })!;
      const { seen } = projectionOf(secretView, "management", object);
      expect((seen as unknown as { metadata: object }).metadata).toEqual({
        resourceVersion: object.metadata.resourceVersion,
      });
    }
  });

  test("that are marked show the index their marks and no key, whatever they hold", async () => {
    const files = await leaf(await authority(), -80, 10);
    const object = watching([tlsSecret(files, own)]).deps.management.peek(secrets, {
      namespace: "demo",
      name: "web-tls",
    })!;
    const text = JSON.stringify(projectionOf(secretView, "management", object));
    expect(text).toContain("demo-authority");
    expect(text).not.toContain(Buffer.from(files.keyPem).toString("base64").slice(0, 40));
    expect(allFunctions.filter((fn) => fn.for === secretView).map(({ name }) => name)).toEqual([
      "tls-reissue",
      "identity-rotate",
    ]);
  });

  test("with nothing to read under tls.crt are told of once", async () => {
    const made = watching([tlsSecret({ certPem: "none", keyPem: "" }, own)]);
    await made.run();
    await made.run();
    expect(made.events()).toEqual(["CertificateUnreadable"]);
  });
});
