import { expect, test } from "vitest";
import { apiServer, authority, inDays, kubeconfig, kubeconfigSecret, setUp } from "./cluster-setup.ts";

const YEAR = { from: -1, to: 364 };

/** A token that says from when to when it is valid; nobody verifies it here. */
function jwt(from: number, to: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const seconds = (days: number) => inDays(days).getTime() / 1_000;
  return `${part({ alg: "RS256" })}.${part({ iat: seconds(from), exp: seconds(to), sub: "admin" })}.c2lnbmF0dXJl`;
}

function identity(text: string): object {
  const data = { kubeconfig: Buffer.from(text).toString("base64") };
  return { apiVersion: "v1", kind: "Secret", metadata: { namespace: "demo", name: "identity" }, data };
}

test("a token in the kubeconfig is told of at two thirds of its life, and nothing of it is kept", async () => {
  const ca = await authority();
  await using server = await apiServer(ca, YEAR);
  const made = await setUp({ ca, server: server.url });
  const token = jwt(-80, 10);
  made.deps.management.put(kubeconfigSecret(kubeconfig(ca, server.url, { token })));
  await made.run();
  expect(made.condition()).toMatchObject({ status: "False", reason: "CertificateExpiring" });
  expect(made.condition()?.["message"]).toMatch(
    /^the token in Secret demo-kubeconfig expires on 2026-01-11.*store a kubeconfig with a new token/,
  );
  expect(made.record()?.token).toMatchObject({ notAfter: "2026-01-11T00:00:00Z" });
  const told = JSON.stringify([made.annotation(), made.deps.announced, made.condition()]);
  for (const part of token.split(".")) expect(told).not.toContain(part);
});

test("the credentials for Harvester are told of, whether a token or a client certificate", async () => {
  const ca = await authority();
  await using server = await apiServer(ca, YEAR);
  const { certPem, keyPem } = await ca.issue("CN=capfn", [{ dns: "capfn" }], {
    notBefore: inDays(-300),
    notAfter: inDays(65),
  });
  const encode = (text: string) => Buffer.from(text).toString("base64");
  for (const user of [
    { token: jwt(-100, -1) },
    { "client-certificate-data": encode(certPem), "client-key-data": encode(keyPem) },
  ]) {
    const objects = [identity(kubeconfig(ca, "https://harvester.example.com", user))];
    const made = await setUp({ ca, server: server.url, objects });
    await made.run();
    expect(made.condition()?.["message"]).toMatch(
      /^what the identity Secret identity has for Harvester expire[sd] on .*; store a kubeconfig of Harvester/,
    );
  }
});

test.each([
  ["is opaque", "t0ken"],
  ["is no JWT for all its dots", "a.b.c"],
  ["has no end", `x.${Buffer.from("{}").toString("base64url")}.y`],
  ["is renewed by what made it within a day", jwt(-0.1, 0.1)],
])("a token that %s is none to be told of", async (_, token) => {
  const ca = await authority();
  await using server = await apiServer(ca, YEAR);
  const made = await setUp({ ca, server: server.url });
  made.deps.management.put(kubeconfigSecret(kubeconfig(ca, server.url, { token })));
  await made.run();
  expect(made.record()).not.toHaveProperty("token");
  expect(made.condition()).toBeUndefined();
});
