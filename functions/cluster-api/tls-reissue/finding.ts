import { clusterReasons } from "#api/condition-names.ts";
import type { Renewal } from "#functions/cluster-api/tls-reissue/renewal.ts";
import type { SecretCertificate } from "#platform/cluster-api/secret-certificate.ts";
import { validityAt } from "#platform/x509/certificate.ts";

interface Look {
  /** Of the Secret. */
  readonly name: string;
  readonly record: SecretCertificate;
  readonly renewal: Renewal | undefined;
  readonly servedAt: string | undefined;
}

/** What a person is to be told of a certificate; undefined when it is in order, or about to be. Pure. */
export function finding({ name, record, renewal, servedAt }: Look, now: Date): SecretCertificate["told"] {
  const { stored, served, unserved } = record;
  if (stored === undefined) {
    const message = `Secret ${name} has no certificate under tls.crt that can be read; store one, or take the marks off`;
    return { reason: "CertificateUnreadable", message };
  }
  const [begins, ends] = [stored.notBefore.slice(0, 10), stored.notAfter.slice(0, 10)];
  const validity = validityAt(stored, now);
  if (validity === "notYetValid") {
    const message = `the certificate in Secret ${name} is valid from ${begins} on only; compare the clocks of its issuer and of this process`;
    return { reason: clusterReasons.CertificateNotYetValid, message };
  }
  const why = renewal === undefined ? undefined : unrenewed(renewal);
  if (validity !== "valid" && why !== undefined) {
    return validity === "expired"
      ? {
          reason: clusterReasons.CertificateExpired,
          message: `the certificate in Secret ${name} expired on ${ends}; ${why}`,
        }
      : {
          reason: clusterReasons.CertificateExpiring,
          message: `the certificate in Secret ${name} expires on ${ends}, two thirds of its life are over; ${why}`,
        };
  }
  if (unserved === undefined) return undefined;
  const what = served === undefined ? "no certificate" : "another certificate than that";
  const message = `${servedAt ?? ""} shows ${what} in Secret ${name}; restart what serves it, or mend the annotation that says where`;
  return { reason: "CertificateNotServed", message };
}

function unrenewed(renewal: Renewal): string | undefined {
  switch (renewal.kind) {
    case "kept":
      return renewal.why;
    case "asked":
      return renewal.late
        ? "cert-manager was asked and does not renew it; see its Certificate and issuer"
        : undefined;
    case "notYet":
    case "renewed":
      return undefined;
  }
}
