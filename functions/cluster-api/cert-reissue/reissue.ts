import type { X509Certificate } from "node:crypto";
import { createPrivateKey, createPublicKey } from "node:crypto";
import * as z from "zod";
import type { Deps } from "#functions/contract/deps.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import { withClientCertificate } from "#platform/kube/kubeconfig-edit.ts";
import {
  CLOCK_SKEW_MS,
  factsOf,
  isIssuedBy,
  readCertificate,
  validityAt,
} from "#platform/x509/certificate.ts";

/** Certificates of kubeadm live as long. */
const LIFE_MS = 365 * 24 * 60 * 60_000;

const dataSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) });

/** A kubeconfig Secret whose client certificate is due. */
export interface DueCertificate {
  readonly cluster: { readonly namespace: string; readonly name: string };
  readonly secret: KubeObject;
  readonly kubeconfig: string;
  readonly certificate: X509Certificate;
}

/** The Secret with the new certificate in it, or why there is none, for people. */
export type Reissue =
  | { readonly secret: KubeObject; readonly certificate: X509Certificate }
  | { readonly kept: string };

/** A text value of a Secret; undefined when it has none. */
export function valueOf(secret: KubeObject, key: string): string | undefined {
  const encoded = dataSchema.parse(secret).data[key];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
}

/**
 * Issues a new client certificate for the same user with the cluster's own authority, and puts it into the Secret, if that still is the version
 * that was read. Only where nobody else does: a Secret that a control plane provider controls is renewed by that provider, and one that another
 * authority signed cannot be.
 *
 * @throws KubeError also for a conflict: somebody else wrote the Secret.
 */
export async function reissueKubeconfig(due: DueCertificate, deps: Deps): Promise<Reissue> {
  const { cluster, secret, certificate } = due;
  const controller = controllerOf(secret);
  if (controller !== undefined) {
    return {
      kept: `${controller} controls the Secret and renews it; see why it does not, or delete the Secret, then it makes a new one`,
    };
  }
  const name = `${cluster.name}-ca`;
  const authority = await deps.management.get(secrets, { namespace: cluster.namespace, name });
  const certPem = authority === undefined ? undefined : valueOf(authority, "tls.crt");
  const keyPem = authority === undefined ? undefined : valueOf(authority, "tls.key");
  const issuer = certPem === undefined ? undefined : readCertificate(certPem);
  if (issuer === undefined || certPem === undefined || keyPem === undefined || keyPem.trim() === "") {
    return { kept: `Secret ${name} has no authority with a key to reissue it with; store a new kubeconfig` };
  }
  if (!isIssuedBy(certificate, issuer) || !isKeyOf(keyPem, issuer)) {
    return { kept: `the authority in Secret ${name} did not issue it; store a new kubeconfig` };
  }
  const now = deps.now();
  if (["expired", "notYetValid"].includes(validityAt(factsOf(issuer), now))) {
    return { kept: `the authority in Secret ${name} is not valid now; replace it` };
  }
  const notAfter = new Date(Math.min(now.getTime() + LIFE_MS, issuer.validToDate.getTime()));
  if (notAfter.getTime() <= certificate.validToDate.getTime()) {
    return { kept: `the authority in Secret ${name} ends with it; replace the authority` };
  }
  // Signing is rare, and what signs is large: it is loaded when it is needed.
  const { reissueClientCertificate } = await import("#platform/x509/client-certificate.ts");
  // As far back as the old one, which the API server took: our clock may be ahead of its own.
  const sooner = Math.min(now.getTime() - CLOCK_SKEW_MS, certificate.validFromDate.getTime());
  const validity = { notBefore: new Date(sooner), notAfter };
  const identity = await reissueClientCertificate({ certPem, keyPem }, certificate.toString(), validity);
  const issued = readCertificate(identity.certPem);
  if (issued === undefined || !isIssuedBy(issued, issuer)) {
    return { kept: `what the authority in Secret ${name} signs does not verify; replace the authority` };
  }
  const kubeconfig = withClientCertificate(due.kubeconfig, identity);
  const written = await deps.management.mergePatch(
    secrets,
    { namespace: cluster.namespace, name: secret.metadata.name },
    {
      metadata: { resourceVersion: secret.metadata.resourceVersion },
      data: { value: Buffer.from(kubeconfig, "utf8").toString("base64") },
    },
  );
  return { secret: written, certificate: issued };
}

/** Kind and name of what controls the Secret. A Cluster that merely owns it renews nothing. */
function controllerOf({ metadata }: KubeObject): string | undefined {
  const owner = ownersSchema
    .parse(metadata)
    .ownerReferences.find(
      ({ kind, controller }) => kind.endsWith("ControlPlane") || (controller && kind !== "Cluster"),
    );
  return owner === undefined ? undefined : `${owner.kind} ${owner.name}`;
}

const ownersSchema = z.looseObject({
  ownerReferences: z
    .array(z.looseObject({ kind: z.string(), name: z.string(), controller: z.boolean().default(false) }))
    .default([]),
});

function isKeyOf(keyPem: string, certificate: X509Certificate): boolean {
  try {
    return createPublicKey(createPrivateKey(keyPem)).equals(certificate.publicKey);
  } catch {
    return false;
  }
}
