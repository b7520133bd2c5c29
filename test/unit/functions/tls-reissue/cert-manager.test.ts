import { describe, expect, test } from "vitest";
import { certificates } from "#platform/kube/resources.ts";
import { authority, inDays, leaf, managed, tlsSecret, watching } from "./marked-secret.ts";

const HOUR_DAYS = 1 / 24;
const marks = { "capfn.dev/watch-certificate": "true", "cert-manager.io/certificate-name": "web" };
const at = { namespace: "demo", name: "web" };

describe("a certificate of cert-manager", () => {
  test("is asked for when it is due, and told of when it comes", async () => {
    const ca = await authority();
    const made = watching([
      tlsSecret(await leaf(ca, -80, 10), marks),
      managed({ conditions: [{ type: "Ready", status: "True" }] }),
    ]);
    expect(await made.run()).toMatchObject({
      kind: "waitFor",
      timeoutMs: 300_000,
      targets: [{ ref: { name: "web-tls" } }],
    });
    expect(made.issuing()).toMatchObject({
      status: "True",
      reason: "ManuallyTriggered",
      observedGeneration: 3,
    });
    const { conditions } = made.deps.management.peek(certificates, at)!["status"] as {
      conditions: object[];
    };
    expect(conditions).toHaveLength(2);
    await made.store(await leaf(ca, 0, 90));
    await made.run();
    expect(made.events()).toEqual(["CertificateReissued"]);
    expect(made.record()).not.toHaveProperty("asks");
  });

  test("is not hurried when cert-manager means to renew it later, or is at it", async () => {
    const ca = await authority();
    const files = await leaf(ca, -80, 10);
    for (const status of [
      { renewalTime: inDays(5).toISOString() },
      { conditions: [{ type: "Issuing", status: "True", reason: "Renewing" }] },
    ]) {
      const made = watching([tlsSecret(files, marks), managed(status)]);
      await made.run();
      expect(made.deps.summary().filter((request) => request.includes("certificates/status"))).toEqual([]);
      expect(made.events()).toEqual([]);
    }
  });

  test("that has expired is asked for whatever cert-manager means to do", async () => {
    const ca = await authority();
    const made = watching([
      tlsSecret(await leaf(ca, -80, -1), marks),
      managed({ renewalTime: inDays(5).toISOString() }),
    ]);
    await made.run();
    expect(made.issuing()).toMatchObject({ status: "True" });
  });

  test("that does not come is asked for every hour, later every day, and told of once, never taken for renewed", async () => {
    const ca = await authority();
    const made = watching([tlsSecret(await leaf(ca, -80, 10), marks), managed()]);
    const asks: number[] = [];
    for (let minutes = 0; minutes < 12 * 60; minutes += 5) {
      await made.run(inDays((minutes / 60) * HOUR_DAYS));
      if (made.issuing() !== undefined) {
        asks.push(minutes);
        // The issuer failed: cert-manager takes the condition off again.
        await made.deps.management.mergePatch(certificates, at, { status: { conditions: [] } });
      }
    }
    expect(asks).toEqual([0, 60, 120, 180, 240]);
    expect(made.events()).toEqual(["CertificateExpiring"]);
    expect(made.message()).toMatch(/cert-manager was asked and does not renew it/);
    expect(made.deps.counted).toEqual([]);
  });

  test.each([
    ["whose Certificate is gone", []],
    ["whose Certificate is for another Secret now", [{ ...managed(), spec: { secretName: "other" } }]],
  ])("%s is told of", async (_, objects) => {
    const made = watching([tlsSecret(await leaf(await authority(), -80, 10), marks), ...objects]);
    await made.run();
    expect(made.message()).toMatch(/there is no Certificate web of cert-manager for this Secret any more/);
  });
});

test("a certificate that nobody renews is told of with what would help", async () => {
  const files = await leaf(await authority(), -80, 10);
  const made = watching([tlsSecret(files, { "capfn.dev/watch-certificate": "true" })]);
  await made.run();
  expect(made.message()).toMatch(
    /expires on 2026-01-11.*name the authority that issued it in the annotation capfn\.dev\/certificate-authority/,
  );
});
