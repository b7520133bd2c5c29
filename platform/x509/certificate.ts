import { X509Certificate } from "node:crypto";

/** What is kept of a certificate: nothing of it is secret. */
export interface CertificateFacts {
  /** SHA-256 over the certificate, hexadecimal, lower case, without colons. */
  readonly fingerprint: string;
  /** RFC 3339. */
  readonly notBefore: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

/** Clocks of nodes and of this process differ by minutes; that much is forgiven at the beginning of a validity. */
export const CLOCK_SKEW_MS = 5 * 60_000;

export type Validity = "notYetValid" | "valid" | "due" | "expired";

/** The first certificate of a PEM bundle, which is the leaf; undefined when there is none that can be read. */
export function readCertificate(pem: string): X509Certificate | undefined {
  return readCertificates(pem)[0];
}

/** Every certificate of a PEM bundle, in its order; what is none is left out. */
export function readCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

export function factsOf(certificate: X509Certificate): CertificateFacts {
  return {
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    notBefore: formatTime(certificate.validFromDate),
    notAfter: formatTime(certificate.validToDate),
  };
}

const YEAR_MS = 365 * 24 * 60 * 60_000;

/**
 * When two thirds of its life are over: what renews by itself has done so by then, or is to be renewed. No life counts as longer than a year:
 * kubeadm dates every certificate back to the beginning of its authority, so that one renewed yesterday would seem old.
 */
export function renewalTime({ notBefore, notAfter }: CertificateFacts): Date {
  const end = Date.parse(notAfter);
  return new Date(end - Math.min(end - Date.parse(notBefore), YEAR_MS) / 3);
}

/** How the certificate stands at a moment. `due`: valid, and to be renewed. */
export function validityAt(facts: CertificateFacts, now: Date): Validity {
  if (now.getTime() + CLOCK_SKEW_MS < Date.parse(facts.notBefore)) return "notYetValid";
  if (now.getTime() >= Date.parse(facts.notAfter)) return "expired";
  return now >= renewalTime(facts) ? "due" : "valid";
}

/** Whether the issuer signed it: names match, and so does the signature. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function formatTime(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, "Z");
}
