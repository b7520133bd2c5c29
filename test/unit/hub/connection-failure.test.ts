import { describe, expect, test } from "vitest";
import { connectionFailure } from "#events/sources/connection-failure.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { KubeconfigError } from "#platform/kube/kubeconfig.ts";

const server = "https://harvester.example.com:6443";
const now = Date.parse("2026-01-01T00:00:00Z");
const base = { connection: "harvester/demo/identity", server };

function unavailable(code: string): KubeError {
  const cause = Object.assign(new Error("what the socket said, s3cret"), { code });
  return new KubeError({
    reason: "unavailable",
    message: "GET: failed",
    dependency: base.connection,
    cause: new Error("outer", { cause }),
  });
}

const refused = new KubeError({ reason: "unauthorized", message: "401", dependency: base.connection });

function jwt(exp: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ exp })}.s3cret`;
}

describe("why there is no connection", () => {
  test.each([
    [
      "ECONNREFUSED",
      "Unreachable",
      "nothing listens at the API server's address; it is tried again by itself",
    ],
    [
      "ENOTFOUND",
      "Unreachable",
      "the API server's host name is not known to DNS; it is tried again by itself",
    ],
    ["EHOSTUNREACH", "Unreachable", "there is no route to the API server; it is tried again by itself"],
    ["ESOMETHING", "Unreachable", "the API server does not answer; it is tried again by itself"],
    ["CERT_HAS_EXPIRED", "CertificateNotTrusted", /has expired/],
    ["SELF_SIGNED_CERT_IN_CHAIN", "CertificateNotTrusted", /signed by no authority of the kubeconfig/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "CertificateNotTrusted", /for another host name/],
  ])("is told by %s, however deep it lies [check 24]", (code, reason, message) => {
    const state = connectionFailure(unavailable(code), { server, now });
    expect(state).toMatchObject({ state: "failed", reason, server });
    expect(state.message).toMatch(message);
    expect(JSON.stringify(state)).not.toContain("s3cret");
  });

  test("says of refused credentials that a token has expired, when it has [check 22]", () => {
    const past = { ...base, token: jwt(now / 1_000 - 1) };
    const good = { ...base, token: jwt(now / 1_000 + 60) };
    expect(connectionFailure(refused, { server, config: past, now })).toMatchObject({
      reason: "Unauthorized",
      message: "the API server refuses the kubeconfig, whose token has expired; renew it",
    });
    for (const config of [good, { ...base, token: "opaque" }, base, undefined]) {
      expect(connectionFailure(refused, { server, config, now })).toMatchObject({
        reason: "Unauthorized",
        message: "the API server refuses the credentials of the kubeconfig; renew them",
      });
    }
  });

  test("names what is wrong with the kubeconfig [check 23]", () => {
    const error = new KubeconfigError("current-context is not set");
    expect(connectionFailure(error, { now })).toEqual({
      state: "failed",
      reason: "KubeconfigInvalid",
      message: "current-context is not set",
    });
  });
});
