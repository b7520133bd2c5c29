import * as z from "zod";
import { certificateFactsSchema } from "#platform/cluster-api/certificate-record.ts";

const recordSchema = z.object({
  /** When this was seen, RFC 3339. */
  checked: z.iso.datetime(),
  /** The first certificate under `tls.crt`. */
  stored: certificateFactsSchema.exactOptional(),
  /** What was shown in a TLS handshake where it is served. */
  served: certificateFactsSchema.exactOptional(),
  /** How often another certificate, or none, was shown there since this one is stored. */
  unserved: z.number().int().positive().exactOptional(),
  /** When cert-manager was last asked to renew it, RFC 3339, and how often. */
  asked: z.iso.datetime().exactOptional(),
  asks: z.number().int().positive().exactOptional(),
  /** What a person has to do, and was told. */
  told: z.object({ reason: z.string(), message: z.string() }).exactOptional(),
  /** Value of the annotation `capfn.dev/look-at` at that time. */
  lookAt: z.string().exactOptional(),
});

/** What was last seen of the certificate in a Secret: dates, fingerprints and what was done; nothing of its key. */
export type SecretCertificate = z.infer<typeof recordSchema>;

/** Undefined when there is none, or it was edited to something else: then everything is looked at anew. */
export function readSecretCertificate(text: string | undefined): SecretCertificate | undefined {
  if (text === undefined) return undefined;
  try {
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
