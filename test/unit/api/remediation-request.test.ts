import { describe, expect, it } from "vitest";

import { remediationRequestName, remediationRequestSchema } from "#api/remediation-request.ts";

const fingerprint = "8c3f1e2d4b5a6978";

describe("the name of a request for an alert", () => {
  it("is the same however a delivery writes the time, and differs when the alert fires anew", () => {
    const name = remediationRequestName({ fingerprint, startsAt: "2026-11-21T10:36:58.123Z" });
    expect(remediationRequestName({ fingerprint, startsAt: "2026-11-21T11:36:58.123456+01:00" })).toBe(name);
    expect(remediationRequestName({ fingerprint, startsAt: "2026-11-21T10:40:00Z" })).not.toBe(name);
    expect(remediationRequestName({ fingerprint: "8c3f", startsAt: "2026-11-21T10:36:58.123Z" })).not.toBe(
      name,
    );
  });

  it("is one Kubernetes accepts, for the longest fingerprint too", () => {
    const name = remediationRequestName({ fingerprint: "f".repeat(64), startsAt: "9999-12-31T23:59:59Z" });
    expect(name).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
    expect(name.length).toBeLessThan(253);
  });

  it("is refused for what no Alertmanager sends, naming the field", () => {
    expect(() => remediationRequestName({ fingerprint: "../x", startsAt: "2026-11-21T10:36:58Z" })).toThrow(
      /^fingerprint/,
    );
    expect(() => remediationRequestName({ fingerprint, startsAt: "yesterday" })).toThrow(/^startsAt/);
  });
});

it("a request made by hand needs no alert", () => {
  const request = {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "RemediationRequest",
    metadata: { name: "by-hand", namespace: "demo", uid: "u", resourceVersion: "1" },
    spec: { source: "Injection", target: { machine: "shop-md-0" }, steps: ["Reboot"] },
  };
  expect(remediationRequestSchema.safeParse(request).error).toBeUndefined();
});
