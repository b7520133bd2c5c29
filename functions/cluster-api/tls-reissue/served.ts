import type { SecretCertificate } from "#platform/cluster-api/secret-certificate.ts";
import { factsOf, type CertificateFacts } from "#platform/x509/certificate.ts";
import { servedCertificates } from "#platform/x509/served-certificate.ts";

/** A name or address, and a port. */
const PLACE = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):\d{1,5}$/;

/**
 * What is shown where a certificate is said to be served, and how often it was another one, or none, since it is stored. Empty when it is not
 * said where, or there is none to be served.
 */
export async function seenServed(
  stored: CertificateFacts | undefined,
  place: string | undefined,
  { looks, signal }: { readonly looks: number; readonly signal: AbortSignal },
): Promise<Pick<SecretCertificate, "served" | "unserved">> {
  if (place === undefined || stored === undefined) return {};
  const served = PLACE.test(place) ? await shownAt(place, signal) : undefined;
  if (served?.fingerprint === stored.fingerprint) return { served };
  return { ...(served !== undefined && { served }), unserved: looks + 1 };
}

async function shownAt(place: string, signal: AbortSignal): Promise<CertificateFacts | undefined> {
  try {
    const [leaf] = await servedCertificates(`https://${place}`, { signal });
    return leaf === undefined ? undefined : factsOf(leaf);
  } catch {
    return undefined;
  }
}
