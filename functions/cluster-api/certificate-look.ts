import { CLOCK_SKEW_MS, renewalTime, type CertificateFacts } from "#platform/x509/certificate.ts";

const DAY_MS = 24 * 60 * 60_000;

/**
 * When certificates are to be looked at again: when one begins to be valid, at two thirds of its life, from then on every day, and when it ends.
 * Pure: counted from the last look (RFC 3339), so it is the same after a restart. Undefined when there is nothing to look at.
 */
export function nextLook(certificates: readonly CertificateFacts[], lastLook: string): Date | undefined {
  const checked = Date.parse(lastLook);
  const times = certificates.map((facts) => nextFor(facts, checked));
  return times.length === 0 ? undefined : new Date(Math.min(...times));
}

function nextFor(facts: CertificateFacts, checked: number): number {
  const start = Date.parse(facts.notBefore) - CLOCK_SKEW_MS;
  if (checked < start) return start;
  const renewal = renewalTime(facts).getTime();
  if (checked < renewal) return renewal;
  const end = Date.parse(facts.notAfter);
  return checked < end ? Math.min(checked + DAY_MS, end) : checked + DAY_MS;
}
