import { createPrivateKey, createPublicKey, type X509Certificate } from "node:crypto";
import * as z from "zod";
import type { Deps } from "#functions/contract/deps.ts";
import type { KubeObject, ObjectName } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import {
  CLOCK_SKEW_MS,
  factsOf,
  isIssuedBy,
  readCertificate,
  validityAt,
} from "#platform/x509/certificate.ts";
import type { AuthorityPair, IssuedCertificate } from "#platform/x509/client-certificate.ts";

/** Certificates of kubeadm live as long. */
const LIFE_MS = 365 * 24 * 60 * 60_000;

const dataSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

/** A text value of a Secret; undefined when it has none. */
export function valueOf(secret: KubeObject, key: string): string | undefined {
  const encoded = dataSchema.parse(secret).data[key];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
}

/** Why a certificate is not reissued by us, for people. */
export interface Kept {
  readonly kept: string;
}

type Sign = (
  pair: AuthorityPair,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
) => Promise<IssuedCertificate>;

/**
 * Has the authority in a Secret sign a successor of a certificate, valid for a year or as long as the authority. Only the very authority that
 * signed the old one may: a Secret of that name that holds another cannot pass itself off. What is signed is verified before it is used.
 *
 * @throws KubeError when the Secret cannot be read.
 */
export async function signedSuccessor(
  certificate: X509Certificate,
  name: ObjectName,
  { deps, sign }: { readonly deps: Pick<Deps, "management" | "now">; readonly sign: Sign },
): Promise<IssuedCertificate | Kept> {
  const where = `Secret ${name.name}`;
  const secret = await deps.management.get(secrets, name);
  const certPem = secret === undefined ? undefined : valueOf(secret, "tls.crt");
  const keyPem = secret === undefined ? undefined : valueOf(secret, "tls.key");
  const issuer = certPem === undefined ? undefined : readCertificate(certPem);
  if (issuer === undefined || certPem === undefined || keyPem === undefined || keyPem.trim() === "") {
    return { kept: `${where} has no authority with a key to reissue it with` };
  }
  if (!isIssuedBy(certificate, issuer) || !isKeyOf(keyPem, issuer)) {
    return { kept: `the authority in ${where} did not issue it` };
  }
  const now = deps.now();
  if (["expired", "notYetValid"].includes(validityAt(factsOf(issuer), now))) {
    return { kept: `the authority in ${where} is not valid now; replace it` };
  }
  const notAfter = new Date(Math.min(now.getTime() + LIFE_MS, issuer.validToDate.getTime()));
  if (notAfter.getTime() <= certificate.validToDate.getTime()) {
    return { kept: `the authority in ${where} ends with it; replace the authority` };
  }
  // As far back as the old one, which was taken: our clock may be ahead of others.
  const sooner = Math.min(now.getTime() - CLOCK_SKEW_MS, certificate.validFromDate.getTime());
  const signed = await sign({ certPem, keyPem }, { notBefore: new Date(sooner), notAfter });
  const issued = readCertificate(signed.certPem);
  return issued === undefined || !isIssuedBy(issued, issuer)
    ? { kept: `what the authority in ${where} signs does not verify; replace the authority` }
    : signed;
}

/** Whether the private key (PEM) is the certificate's. */
export function isKeyOf(keyPem: string, certificate: X509Certificate): boolean {
  try {
    return createPublicKey(createPrivateKey(keyPem)).equals(certificate.publicKey);
  } catch {
    return false;
  }
}
