import * as z from "zod";
import { certificateSigningRequests } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** Signer of the certificates that kubelets serve with (Kubernetes, "Certificate Signing Requests", Kubernetes signers). */
const KUBELET_SERVING = "kubernetes.io/kubelet-serving";

const undecidedSchema = z.object({
  username: z.string(),
  groups: z.array(z.string()).default([]),
  usages: z.array(z.string()).default([]),
  /** PKCS #10, PEM, in base64: a public key and names, nothing secret. */
  request: z.string(),
});

/** A kubelet's request for a serving certificate that nobody has decided on; of all others only that they are there. */
const signingRequestSchema = z
  .object({
    spec: z.object({ signerName: z.string(), ...undecidedSchema.partial().shape }),
    status: z.object({ conditions: z.array(z.object({ type: z.string() })).default([]) }).prefault({}),
  })
  .transform(({ spec, status }) => {
    const isOpen = spec.signerName === KUBELET_SERVING && status.conditions.length === 0;
    const undecided = isOpen ? undecidedSchema.safeParse(spec).data : undefined;
    return { spec: { signerName: spec.signerName, ...undecided }, status };
  });

export type SigningRequest = z.infer<typeof signingRequestSchema>;

/** Requests by who made them. The API server writes that itself: nobody can make one in the name of another. */
export const signingRequestView: ResourceView<SigningRequest> = {
  type: certificateSigningRequests,
  schema: signingRequestSchema,
  indexes: ({ spec }) => ({ requestor: spec.username === undefined ? [] : [spec.username] }),
};
