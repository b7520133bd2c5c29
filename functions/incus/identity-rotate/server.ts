import type { Identity } from "#functions/incus/identity-rotate/identity.ts";
import type { IdentityRecord } from "#platform/incus/identity-record.ts";
import { factsOf, readCertificate } from "#platform/x509/certificate.ts";
import { servedCertificates } from "#platform/x509/served-certificate.ts";

/** What the server shows, and whether it is what the Secret pins; empty when it shows nothing. Nothing is trusted for having been seen. */
export async function lookAtServer(
  { url, serverCertPem }: Identity,
  signal: AbortSignal,
): Promise<Pick<IdentityRecord, "server" | "serverMatches">> {
  const place = new URL(url);
  if (place.port === "") place.port = "8443";
  const [leaf] = await servedCertificates(place.href, { signal }).catch(() => []);
  if (leaf === undefined) return {};
  const pinned = serverCertPem === undefined ? undefined : readCertificate(serverCertPem);
  const seen = { server: factsOf(leaf) };
  return pinned === undefined ? seen : { ...seen, serverMatches: leaf.raw.equals(pinned.raw) };
}
