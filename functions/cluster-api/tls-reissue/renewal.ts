import type { X509Certificate } from "node:crypto";
import { isKeyOf, signedSuccessor, valueOf } from "#functions/cluster-api/issuing-authority.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { askForRenewal, readManagedCertificate } from "#platform/cert-manager/certificate.ts";
import type { SecretCertificate } from "#platform/cluster-api/secret-certificate.ts";
import {
  CERTIFICATE_NAME_ANNOTATION,
  certificateMarks,
  type CertificateMarks,
} from "#platform/cluster-api/secret.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import { readCertificate, readCertificates } from "#platform/x509/certificate.ts";

/** cert-manager issues within seconds, unless its issuer fails; then it tries again by itself after an hour (its own backoff). */
const ASK_AGAIN_MS = 60 * 60_000;
/** After so many times it is asked once a day. */
const MOST_ASKS = 5;

/** A Secret whose certificate is due. */
export interface DueSecret {
  readonly secret: KubeObject;
  readonly leaf: X509Certificate;
  readonly marks: CertificateMarks;
  readonly known: SecretCertificate | undefined;
}

/**
 * What became of a certificate that is due.
 * - `renewed`: there is a new one, in this version of the Secret
 * - `asked`: cert-manager is at it; `late` when it should have been done by now
 * - `notYet`: cert-manager renews it by itself, at a time that is to come
 * - `kept`: nobody renews it, and why, for people
 */
export type Renewal =
  | { readonly kind: "renewed"; readonly secret: KubeObject; readonly leaf: X509Certificate }
  | { readonly kind: "asked"; readonly asked: string; readonly asks: number; readonly late: boolean }
  | { readonly kind: "notYet" }
  | { readonly kind: "kept"; readonly why: string };

/** Renews it by the way of whoever issued it. */
export async function renew(due: DueSecret, deps: Deps): Promise<Renewal> {
  const managed = due.marks[CERTIFICATE_NAME_ANNOTATION];
  if (managed !== undefined) return askCertManager(due, managed, deps);
  const authority = due.marks[certificateMarks.authority];
  if (authority !== undefined) return reissue(due, authority, deps);
  const why = `nobody renews it; store a new one, or name the authority that issued it in the annotation ${certificateMarks.authority}`;
  return { kind: "kept", why };
}

/**
 * A new key and certificate of the authority that the Secret names. The Secret has to hold the old one's key: a certificate is public, and must
 * not be enough to have a key made for its name.
 *
 * @throws KubeError also for a conflict: somebody else wrote the Secret.
 */
async function reissue({ secret, leaf }: DueSecret, authority: string, deps: Deps): Promise<Renewal> {
  const { namespace, name, resourceVersion } = secret.metadata;
  if (leaf.ca) return { kind: "kept", why: "it is an authority itself; plan its replacement" };
  if (!isKeyOf(valueOf(secret, "tls.key") ?? "", leaf)) {
    return { kind: "kept", why: "tls.key is not its key; store certificate and key again" };
  }
  const issued = await signedSuccessor(
    leaf,
    { namespace, name: authority },
    {
      deps,
      sign: async (pair, validity) => {
        // Signing is rare, and what signs is large: it is loaded when it is needed.
        const { reissueLeafCertificate } = await import("#platform/x509/client-certificate.ts");
        return reissueLeafCertificate(pair, leaf.toString(), validity);
      },
    },
  );
  if ("kept" in issued) return { kind: "kept", why: issued.kept };
  const chain = readCertificates(valueOf(secret, "tls.crt") ?? "").slice(1);
  const certificates = [issued.certPem.trim(), ...chain.map((each) => each.toString().trim())].join("\n");
  const data = { "tls.crt": base64(`${certificates}\n`), "tls.key": base64(issued.keyPem) };
  const patch = { metadata: { resourceVersion }, data };
  const written = await deps.management.mergePatch(secrets, { namespace, name }, patch);
  return { kind: "renewed", secret: written, leaf: readCertificate(issued.certPem) ?? leaf };
}

async function askCertManager(
  { secret, leaf, known }: DueSecret,
  name: string,
  deps: Deps,
): Promise<Renewal> {
  const { namespace } = secret.metadata;
  const certificate = await readManagedCertificate(deps.management, { namespace, name });
  if (certificate?.secretName !== secret.metadata.name) {
    return { kind: "kept", why: `there is no Certificate ${name} of cert-manager for this Secret any more` };
  }
  const now = deps.now();
  const { asked, asks = 0 } = known ?? {};
  const since = asked === undefined ? Infinity : now.getTime() - Date.parse(asked);
  const pause = asks < MOST_ASKS ? ASK_AGAIN_MS : 24 * ASK_AGAIN_MS;
  if (certificate.isIssuing || since < pause) {
    const late = asks > 1 || (asks > 0 && since >= ASK_AGAIN_MS);
    return { kind: "asked", asked: asked ?? now.toISOString(), asks: Math.max(asks, 1), late };
  }
  const isExpired = now >= leaf.validToDate;
  if (!isExpired && certificate.renewalTime !== undefined && now < certificate.renewalTime) {
    return { kind: "notYet" };
  }
  await askForRenewal(deps.management, certificate, now);
  return { kind: "asked", asked: now.toISOString(), asks: asks + 1, late: asks > 0 };
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
