import { describe, expect, test } from "vitest";
import { certReissue } from "#functions/cluster-api/cert-reissue/function.ts";
import { apiServer, authority, inDays, kubeconfig, kubeconfigSecret, setUp } from "./cluster-setup.ts";

const YEAR = { from: -1, to: 364 };

describe("what the API server shows", () => {
  test.each([
    [
      "due",
      { from: -300, to: 65 },
      "CertificateExpiring",
      /expires on 2026-03-07, two thirds .*; roll out the control plane/,
    ],
    [
      "expired",
      { from: -400, to: -35 },
      "CertificateExpired",
      /expired on 2025-11-27; roll out the control plane/,
    ],
    [
      "not valid yet",
      { from: 2, to: 300 },
      "CertificateNotYetValid",
      /is valid from 2026-01-03 on only; compare the clocks/,
    ],
  ])("is told when it is %s, and never reissued by us", async (_what, shown, reason, message) => {
    const ca = await authority();
    await using server = await apiServer(ca, shown);
    const made = await setUp({ ca, server: server.url });
    await made.run();
    expect(made.condition()).toMatchObject({ status: "False", reason });
    expect(made.condition()?.["message"]).toMatch(message);
    expect(made.deps.announced.map(({ event }) => event.reason)).toEqual([reason]);
    expect(made.stored()).toBe(made.text);
  });

  test("five minutes before it is valid is forgiven: clocks differ", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, { from: 4 / 1440, to: 300 });
    const made = await setUp({ ca, server: server.url });
    await made.run();
    expect(made.condition()).toBeUndefined();
  });

  test("is told every day as long as the old one is served, and no more once the new one is", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, { from: -300, to: 65 });
    const made = await setUp({ ca, server: server.url });
    await made.run();
    const old = made.record()?.apiServer?.fingerprint;
    // The files were renewed, but the API server was not restarted.
    await made.run();
    expect(made.record()?.apiServer?.fingerprint).toBe(old);
    expect(made.condition()).toMatchObject({ reason: "CertificateExpiring" });
    await server.show(YEAR);
    await made.run();
    expect(made.record()?.apiServer?.fingerprint).not.toBe(old);
    expect(made.condition()).toMatchObject({ status: "True", reason: "CertificatesValid", message: "" });
    expect(made.deps.announced.map(({ event }) => event.type)).toEqual(["Warning", "Normal"]);
  });

  test("is told when no authority of the kubeconfig signed it", async () => {
    const ca = await authority();
    await using server = await apiServer(await authority(), YEAR);
    const made = await setUp({ ca, server: server.url });
    await made.run();
    expect(made.condition()).toMatchObject({ status: "False", reason: "CertificateUntrusted" });
  });

  test("is told when it refuses the credentials of the kubeconfig", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, YEAR);
    const connection = { state: "failed", reason: "Unauthorized" };
    const made = await setUp({ ca, server: server.url, connection });
    await made.run();
    expect(made.condition()).toMatchObject({ status: "False", reason: "CertificateRefused" });
  });

  test("is asked for again after a while when there is no answer, and nothing is written meanwhile", async () => {
    const ca = await authority();
    const server = await apiServer(ca, YEAR);
    await server[Symbol.asyncDispose]();
    const made = await setUp({ ca, server: server.url });
    const again = { kind: "requeueAfter", afterMs: 600_000 };
    expect(await made.run()).toMatchObject(again);
    expect(await made.run()).toMatchObject(again);
    expect(await made.need()).toBe(true);
    expect(made.deps.summary().filter((request) => request.includes("mergePatch"))).toHaveLength(1);
    expect(made.record()).toMatchObject({ unanswered: true, kubeconfig: {} });
  });

  test("may be told of before a token's kubeconfig has any certificate to look at", async () => {
    const ca = await authority();
    await using server = await apiServer(ca, YEAR);
    const made = await setUp({ ca, server: server.url });
    made.deps.management.put(kubeconfigSecret(kubeconfig(ca, server.url, { token: "t0ken" })));
    await made.run();
    expect(made.record()).not.toHaveProperty("kubeconfig");
    expect(await made.need()).toBeInstanceOf(Date);
  });
});

test("the authority itself is told of at two thirds of its life; Cluster API does not rotate it", async () => {
  const ca = await authority(30);
  await using server = await apiServer(ca, { from: 20, to: 29 });
  const made = await setUp({ ca, server: server.url, client: { from: 20, to: 30 }, now: inDays(21) });
  await made.world.settle([certReissue], ["demo"]);
  expect(made.condition()?.["message"]).toMatch(
    /^the certificate authority in Secret demo-kubeconfig expires on 2026-01-31/,
  );
});
