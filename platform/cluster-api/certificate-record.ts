import * as z from "zod";
import type { CertificateFacts } from "#platform/x509/certificate.ts";

/** Annotation of a HarvesterCluster: what was last seen of its certificates. Facts only, so that predicates and metrics can look at it. */
export const CERTIFICATES_ANNOTATION = "capfn.dev/certificates";

/** Dates and fingerprint of a certificate, as they stand in an annotation. */
export const certificateFactsSchema: z.ZodType<CertificateFacts> = z.object({
  fingerprint: z.string(),
  notBefore: z.iso.datetime(),
  notAfter: z.iso.datetime(),
});

/** What is told of an annotation's certificates, whether they are good or not. */
export const certificateNames = ["kubeconfig", "authority", "apiServer", "token", "identity"] as const;

export type CertificateName = (typeof certificateNames)[number];

const recordSchema = z.object({
  /** When this was seen, RFC 3339. */
  checked: z.iso.datetime(),
  /** resourceVersion of the kubeconfig Secret it was seen in. */
  secret: z.string(),
  /** The client certificate in the kubeconfig. */
  kubeconfig: certificateFactsSchema.exactOptional(),
  /** The certificate authority in the kubeconfig that expires first. */
  authority: certificateFactsSchema.exactOptional(),
  /** What the API server showed in a TLS handshake. */
  apiServer: certificateFactsSchema.exactOptional(),
  /** The bearer token in the kubeconfig, when it tells its end. */
  token: certificateFactsSchema.exactOptional(),
  /** Client certificate or token in the kubeconfig of Harvester, in the identity Secret. */
  identity: certificateFactsSchema.exactOptional(),
  /** What the API server showed is not signed by any authority in the kubeconfig. */
  untrusted: z.boolean().exactOptional(),
  /** Value of the annotation `capfn.dev/look-at` at that time. */
  lookAt: z.string().exactOptional(),
  /** The API server did not answer; what is told of it is older. */
  unanswered: z.boolean().exactOptional(),
  /** Why a client certificate that is due is not reissued by us, for people. */
  kept: z.string().exactOptional(),
});

export type CertificateRecord = z.infer<typeof recordSchema>;

/** All certificates a record tells of. */
export function factsIn(record: CertificateRecord): readonly CertificateFacts[] {
  return certificateNames.map((name) => record[name]).filter((facts) => facts !== undefined);
}

/** Undefined when there is none, or it was edited to something else: then everything is looked at anew. */
export function readCertificateRecord(text: string | undefined): CertificateRecord | undefined {
  if (text === undefined) return undefined;
  try {
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
