import * as z from "zod";
import type { KubeReader, KubeWriter } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject, ObjectName } from "#platform/kube/resource.ts";
import { certificates } from "#platform/kube/resources.ts";

/** What we read of a Certificate (cert-manager.io/v1, API reference "Certificate"). */
const certificateSchema = z.looseObject({
  spec: z.looseObject({ secretName: z.string() }),
  status: z
    .looseObject({
      renewalTime: z.string().optional(),
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    })
    .prefault({}),
});

/** A Certificate of cert-manager, as far as its renewal goes. */
export interface ManagedCertificate {
  readonly object: KubeObject;
  readonly secretName: string;
  /** When cert-manager renews it by itself. */
  readonly renewalTime: Date | undefined;
  /** It is being issued now. */
  readonly isIssuing: boolean;
}

/** Undefined when it does not exist, cert-manager is not installed, or it is nothing cert-manager would take. */
export async function readManagedCertificate(
  client: Pick<KubeReader, "get">,
  name: ObjectName,
): Promise<ManagedCertificate | undefined> {
  const object = await client.get(certificates, name).catch((error: unknown) => {
    if (isKubeError(error) && error.detail === "notServed") return undefined;
    throw error;
  });
  const read = certificateSchema.safeParse(object).data;
  if (object === undefined || read === undefined) return undefined;
  const { renewalTime, conditions } = read.status;
  const at = renewalTime === undefined ? Number.NaN : Date.parse(renewalTime);
  return {
    object,
    secretName: read.spec.secretName,
    renewalTime: Number.isNaN(at) ? undefined : new Date(at),
    isIssuing: conditions.some(({ type, status }) => type === "Issuing" && status === "True"),
  };
}

/**
 * Asks cert-manager for a new certificate now, by the status condition `Issuing=True`, as `cmctl renew` does (cert-manager API,
 * CertificateConditionIssuing).
 *
 * @throws KubeError also for a conflict: somebody else wrote the Certificate.
 */
export async function askForRenewal(
  client: Pick<KubeWriter, "mergePatch">,
  { object }: ManagedCertificate,
  now: Date,
): Promise<void> {
  const { namespace, name, resourceVersion, generation } = object.metadata;
  const { conditions } = certificateSchema.parse(object).status;
  const issuing = {
    type: "Issuing",
    status: "True",
    reason: "ManuallyTriggered",
    message: "capfn asks for a new certificate",
    lastTransitionTime: now.toISOString().replace(/\.\d{3}Z$/, "Z"),
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  const others = conditions.filter(({ type }) => type !== "Issuing");
  const patch = { metadata: { resourceVersion }, status: { conditions: [...others, issuing] } };
  await client.mergePatch(certificates, { namespace, name }, patch, { subresource: "status" });
}
