import type { X509Certificate } from "node:crypto";
import * as z from "zod";
import { signedSuccessor, type Kept } from "#functions/cluster-api/issuing-authority.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { secrets } from "#platform/kube/resources.ts";
import { withClientCertificate } from "#platform/kube/kubeconfig-edit.ts";
import { readCertificate } from "#platform/x509/certificate.ts";

/** A kubeconfig Secret whose client certificate is due. */
export interface DueCertificate {
  readonly cluster: { readonly namespace: string; readonly name: string };
  readonly secret: KubeObject;
  readonly kubeconfig: string;
  readonly certificate: X509Certificate;
}

/** The Secret with the new certificate in it, or why there is none, for people. */
export type Reissue = { readonly secret: KubeObject; readonly certificate: X509Certificate } | Kept;

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
  const authority = { namespace: cluster.namespace, name: `${cluster.name}-ca` };
  const issued = await signedSuccessor(certificate, authority, {
    deps,
    sign: async (pair, validity) => {
      // Signing is rare, and what signs is large: it is loaded when it is needed.
      const { reissueClientCertificate } = await import("#platform/x509/client-certificate.ts");
      return reissueClientCertificate(pair, certificate.toString(), validity);
    },
  });
  if ("kept" in issued) return { kept: `${issued.kept}; store a new kubeconfig` };
  const kubeconfig = withClientCertificate(due.kubeconfig, issued);
  const written = await deps.management.mergePatch(
    secrets,
    { namespace: cluster.namespace, name: secret.metadata.name },
    {
      metadata: { resourceVersion: secret.metadata.resourceVersion },
      data: { value: Buffer.from(kubeconfig, "utf8").toString("base64") },
    },
  );
  return { secret: written, certificate: readCertificate(issued.certPem) ?? certificate };
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
