import "reflect-metadata";
import { createHash, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { describe, expect, it } from "vitest";
import { issueClientCertificate } from "#platform/x509/client-certificate.ts";
import { newSigningKeys, privateKeyPem, randomSerial } from "#platform/x509/keys.ts";

/** An authority whose key id is what `idOf` makes of its public key; none when that gives none. */
async function authorityWith(idOf: (spki: Buffer) => string | undefined) {
  const keys = await newSigningKeys();
  const id = idOf(Buffer.from(await crypto.subtle.exportKey("spki", keys.publicKey)));
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: "CN=authority",
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2036-01-01T00:00:00Z"),
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      ...(id === undefined ? [] : [new x509.SubjectKeyIdentifierExtension(id)]),
    ],
  });
  return { certPem: certificate.toString("pem"), keyPem: privateKeyPem(keys.privateKey) };
}

describe("a client certificate", () => {
  it.for([
    ["SHA-1 of its key", (spki: Buffer) => createHash("sha1").update(spki).digest("hex")],
    ["a truncated SHA-256", (spki: Buffer) => createHash("sha256").update(spki).digest("hex").slice(0, 40)],
    ["nothing", () => undefined],
  ] as const)("verifies under an authority whose key id is %s", async ([, idOf]) => {
    const authority = await authorityWith(idOf);
    const issued = await issueClientCertificate(authority, {
      commonName: "capfn",
      nowMs: Date.parse("2026-06-01T00:00:00Z"),
      validMs: 60_000,
    });
    const issuer = new X509Certificate(authority.certPem);
    const certificate = new X509Certificate(issued.certPem);
    expect(certificate.checkIssued(issuer)).toBe(true);
    expect(certificate.verify(issuer.publicKey)).toBe(true);
    expect(certificate.subject).toBe("CN=capfn");
  });
});
