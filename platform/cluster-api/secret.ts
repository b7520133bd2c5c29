import * as z from "zod";
import { readIdentityRecord } from "#platform/incus/identity-record.ts";
import { secrets } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What people write on a Secret (kubernetes.io/tls) whose certificate is to be watched over. Either of the first two asks for it. */
export const certificateMarks = {
  /** `true`: watch over the certificate under `tls.crt`. */
  watch: "capfn.dev/watch-certificate",
  /** Name of a Secret of the same namespace with the authority (`tls.crt`, `tls.key`) that is to reissue the certificate. */
  authority: "capfn.dev/certificate-authority",
  /** `<host>:<port>` at which the certificate is served: after a renewal it is looked at there. */
  servedAt: "capfn.dev/certificate-served-at",
  /** What was last seen of the certificate; written by us. */
  seen: "capfn.dev/certificate",
} as const;

/** What people write on a Secret with an identity for LXD or Incus, so that its certificates are watched over. */
export const identityMarks = {
  /** `watch`: look at its certificates; `rotate`: and replace the client's at two thirds of its life. Nothing else counts. */
  mode: "capfn.dev/incus-identity",
  /** Name of a Secret of the same namespace with an identity that may change the trust store, when the own one is restricted. */
  admin: "capfn.dev/incus-admin",
  /** What was last seen; written by us. */
  seen: "capfn.dev/incus-certificates",
} as const;

/** Annotation that cert-manager puts on the Secrets of its Certificates. */
export const CERTIFICATE_NAME_ANNOTATION = "cert-manager.io/certificate-name";

const marksSchema = z.object({
  [certificateMarks.watch]: z.string().exactOptional(),
  [certificateMarks.authority]: z.string().exactOptional(),
  [certificateMarks.servedAt]: z.string().exactOptional(),
  [certificateMarks.seen]: z.string().exactOptional(),
  [CERTIFICATE_NAME_ANNOTATION]: z.string().exactOptional(),
  [identityMarks.mode]: z.string().exactOptional(),
  [identityMarks.admin]: z.string().exactOptional(),
  [identityMarks.seen]: z.string().exactOptional(),
  "capfn.dev/look-at": z.string().exactOptional(),
});

export type CertificateMarks = z.infer<typeof marksSchema>;

/**
 * A Secret as we watch it: that it exists, and its version, so that new content is news; and what people wrote on it, if its certificate is to
 * be watched over. Content is read by the step that needs it, and kept nowhere.
 */
const secretPresenceSchema = z
  .object({
    metadata: z.object({ resourceVersion: z.string(), annotations: marksSchema.exactOptional() }),
  })
  .transform(({ metadata: { resourceVersion, annotations } }) => ({
    metadata: {
      resourceVersion,
      ...(annotations !== undefined &&
        (isMarkedCertificate(annotations) || isMarkedIdentity(annotations)) && { annotations }),
    },
  }));

export type SecretPresence = z.infer<typeof secretPresenceSchema>;

export const secretView: ResourceView<SecretPresence> = {
  type: secrets,
  schema: secretPresenceSchema,
  metadataOnly: true,
  indexes: ({ metadata: { annotations = {} } }) => ({
    certificate: isMarkedCertificate(annotations) ? ["watched"] : [],
    identity: isMarkedIdentity(annotations) ? ["watched", shownBy(annotations)] : [],
  }),
};

/** Value of the index `identity` of a marked Secret that has not been looked at. */
export const UNSEEN = "unseen";

function shownBy(marks: CertificateMarks): string {
  return readIdentityRecord(marks[identityMarks.seen])?.client?.fingerprint ?? UNSEEN;
}

/** Whether the TLS certificate in the Secret is to be watched over. */
export function isMarkedCertificate(marks: CertificateMarks): boolean {
  return marks[certificateMarks.watch] === "true" || marks[certificateMarks.authority] !== undefined;
}

/** Whether it holds an identity for LXD or Incus that is to be watched over. */
export function isMarkedIdentity(marks: CertificateMarks): boolean {
  return marks[identityMarks.mode] === "watch" || marks[identityMarks.mode] === "rotate";
}
