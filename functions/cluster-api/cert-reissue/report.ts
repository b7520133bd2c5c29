import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import {
  freshRecord,
  kubeconfigName,
  type CertificateView,
} from "#functions/cluster-api/cert-reissue/cluster-certificates.ts";
import {
  certificateNames,
  type CertificateName,
  type CertificateRecord,
} from "#platform/cluster-api/certificate-record.ts";
import { findCondition, sameCondition, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import { validityAt, type Validity } from "#platform/x509/certificate.ts";

interface Finding {
  readonly reason: string;
  readonly message: string;
}

/** Worst first; the condition carries the reason of the worst. */
const severity: readonly Validity[] = ["expired", "notYetValid", "due"];

const reasons = {
  expired: clusterReasons.CertificateExpired,
  notYetValid: clusterReasons.CertificateNotYetValid,
  due: clusterReasons.CertificateExpiring,
} as const;

/**
 * What the cluster's condition should say of its certificates, by the last look at them; undefined while nothing was ever wrong with them, and
 * while they have not been looked at. Pure: the moment that counts is that of the look.
 */
export function certificateCondition(
  view: CertificateView,
  record: CertificateRecord | undefined = freshRecord(view),
): WantedCondition | undefined {
  if (record === undefined) return undefined;
  const { CertificatesValid: type } = clusterConditions;
  const findings = [...untrusted(view, record), ...overTime(view, record), ...refused(view)];
  const [worst] = findings;
  const { meta, status } = view.object;
  if (worst === undefined && findCondition(status.conditions, type) === undefined) return undefined;
  return {
    type,
    status: worst === undefined ? "True" : "False",
    reason: worst?.reason ?? clusterReasons.CertificatesValid,
    message: findings.map(({ message }) => message).join("; "),
    ...(meta.generation !== undefined && { observedGeneration: meta.generation }),
  };
}

/** Whether the cluster's condition says so already. */
export function isShown({ object }: CertificateView, wanted: WantedCondition): boolean {
  return sameCondition(findCondition(object.status.conditions, wanted.type), wanted);
}

function overTime(view: CertificateView, record: CertificateRecord): readonly Finding[] {
  const now = new Date(record.checked);
  const found = certificateNames.flatMap((name) => {
    const facts = record[name];
    const validity = facts === undefined ? "valid" : validityAt(facts, now);
    return facts === undefined || validity === "valid" ? [] : [{ name, facts, validity }];
  });
  return found
    .toSorted((a, b) => severity.indexOf(a.validity) - severity.indexOf(b.validity))
    .map(({ name, facts, validity }) => {
      const [begins, ends] = [facts.notBefore.slice(0, 10), facts.notAfter.slice(0, 10)];
      const what = nameOf(name, view);
      switch (validity) {
        case "expired":
          return { reason: reasons.expired, message: `${what} expired on ${ends}; ${mend(name, record)}` };
        case "notYetValid":
          return {
            reason: reasons.notYetValid,
            message: `${what} is valid from ${begins} on only; compare the clocks of its issuer and of this process`,
          };
        case "due":
          return {
            reason: reasons.due,
            message: `${what} expires on ${ends}, two thirds of its life are over; ${mend(name, record)}`,
          };
      }
    });
}

function nameOf(name: CertificateName, { object, related }: CertificateView): string {
  const { identitySecret } = object.spec;
  const secret = related.cluster === undefined ? "" : kubeconfigName(related.cluster);
  switch (name) {
    case "kubeconfig":
      return `the client certificate in Secret ${secret}`;
    case "authority":
      return `the certificate authority in Secret ${secret}`;
    case "apiServer":
      return "the certificate that the API server shows";
    case "token":
      return `the token in Secret ${secret}`;
    case "identity":
      return `what the identity Secret ${identitySecret.name} has for Harvester`;
  }
}

/** What is to be done by somebody else: what can be reissued by us is reissued before there is anything to tell. */
function mend(name: CertificateName, { kept }: CertificateRecord): string {
  switch (name) {
    case "kubeconfig":
      return kept ?? "it is reissued";
    case "authority":
      return "Cluster API does not rotate it; plan its replacement";
    case "token":
      return "store a kubeconfig with a new token";
    case "identity":
      return "store a kubeconfig of Harvester with new credentials";
    case "apiServer":
      return "roll out the control plane, or renew the certificates on its machines and restart their API servers";
  }
}

function untrusted({ related }: CertificateView, { untrusted }: CertificateRecord): readonly Finding[] {
  if (untrusted !== true || related.cluster === undefined) return [];
  const message = `no authority in Secret ${kubeconfigName(related.cluster)} signed the certificate that the API server shows`;
  return [{ reason: clusterReasons.CertificateUntrusted, message }];
}

function refused({ related }: CertificateView): readonly Finding[] {
  const { cluster, connection } = related;
  if (connection?.reason !== "Unauthorized" || cluster === undefined) return [];
  const message = `the API server refuses the credentials in Secret ${kubeconfigName(cluster)}`;
  return [{ reason: clusterReasons.CertificateRefused, message }];
}
