import { createHash } from "node:crypto";
import * as z from "zod";
import type { CertificateFacts } from "#platform/x509/certificate.ts";

const claimsSchema = z.looseObject({
  exp: z.number(),
  iat: z.number().optional(),
  nbf: z.number().optional(),
});

const DAY_MS = 24 * 60 * 60_000;

/**
 * From when to when a bearer token is valid, in the form of a certificate's dates; undefined when it is opaque, never ends, or lives no
 * longer than a day: such a one is renewed by what made it. Its claims are read
 * and not verified (RFC 7519, 4.1): they are for its holder's calendar, nobody is let in for them. Of the token nothing is kept: the fingerprint is
 * that of the two dates.
 */
export function tokenTimes(token: string): CertificateFacts | undefined {
  const claims = claimsOf(token);
  if (claims === undefined) return undefined;
  const { exp, iat, nbf } = claims;
  const [begin, end] = [iat ?? nbf ?? exp, exp].map((seconds) => new Date(seconds * 1_000));
  if (begin === undefined || end === undefined || [begin, end].some((time) => Number.isNaN(time.getTime()))) {
    return undefined;
  }
  if (end.getTime() - begin.getTime() <= DAY_MS) return undefined;
  const [notBefore, notAfter] = [rfc3339(begin), rfc3339(end)];
  const fingerprint = createHash("sha256").update(`${notBefore} ${notAfter}`).digest("hex");
  return { fingerprint, notBefore, notAfter };
}

/** When a bearer token ends, epoch ms, as it says itself; undefined when it is opaque or never ends. */
export function tokenEnd(token: string): number | undefined {
  const claims = claimsOf(token);
  return claims === undefined ? undefined : claims.exp * 1_000;
}

function claimsOf(token: string): z.infer<typeof claimsSchema> | undefined {
  const [, payload = "", signature] = token.trim().split(".");
  if (signature === undefined) return undefined;
  try {
    return claimsSchema.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

function rfc3339(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, "Z");
}
