import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextLook } from "#functions/cluster-api/certificate-look.ts";
import { readCertificate, readCertificates, renewalTime, validityAt } from "#platform/x509/certificate.ts";
import { createCertificateAuthority } from "#platform/control-plane/certificates.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
const DAY_MS = 86_400_000;
const at = (ms: number) => new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");
const facts = (from: number, to: number) => ({ fingerprint: "f", notBefore: at(from), notAfter: at(to) });

describe("the next look", () => {
  test("is ahead of the last one, and no state of a certificate passes unseen for more than a day after it is due", () => {
    const moment = fc.integer({ min: -500, max: 500 }).map((days) => START + days * DAY_MS);
    fc.assert(
      fc.property(moment, fc.integer({ min: 1, max: 4_000 }), moment, (from, days, checked) => {
        const certificate = facts(from, from + days * DAY_MS);
        const next = nextLook([certificate], at(checked))?.getTime() ?? 0;
        expect(next).toBeGreaterThan(checked);
        const before = validityAt(certificate, new Date(checked));
        const until = validityAt(certificate, new Date(next - 1_000));
        expect(until).toBe(before);
        if (before === "due" || before === "expired") expect(next - checked).toBeLessThanOrEqual(DAY_MS);
      }),
    );
  });

  test("is that of the certificate whose turn comes first", () => {
    const both = [facts(START, START + 300 * DAY_MS), facts(START, START + 30 * DAY_MS)];
    expect(nextLook(both, at(START))).toEqual(new Date(START + 20 * DAY_MS));
  });

  test("does not exist without certificates", () => {
    expect(nextLook([], at(START))).toBeUndefined();
  });
});

describe("a certificate", () => {
  test("of a bundle is the first, and what is none is left out", async () => {
    const one = await createCertificateAuthority("one", START);
    const two = await createCertificateAuthority("two", START);
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const bundle = `text\n${one.certPem}\n${broken}${two.certPem}`;
    expect(readCertificates(bundle).map(({ subject }) => subject)).toEqual(["CN=one", "CN=two"]);
    expect(readCertificate(bundle)?.subject).toBe("CN=one");
    expect(readCertificate("")).toBeUndefined();
    expect(readCertificate(one.keyPem)).toBeUndefined();
  });

  test("dated back to the beginning of its authority, as kubeadm does, is not old for that", () => {
    const renewed = facts(START - 1_500 * DAY_MS, START + 360 * DAY_MS);
    expect(validityAt(renewed, new Date(START))).toBe("valid");
    expect(validityAt(renewed, new Date(START + 239 * DAY_MS))).toBe("due");
  });

  test("is to be renewed at two thirds of its life", () => {
    expect(renewalTime(facts(START, START + 90 * DAY_MS))).toEqual(new Date(START + 60 * DAY_MS));
  });
});
