import * as z from "zod";
import { remediationRequestSpecSchema } from "#api/remediation-request.ts";
import { remediationStatusSchema, type RemediationPhase } from "#api/remediation.ts";
import { machineRemediations, remediationRequests } from "#platform/kube/resources.ts";
import type { ResourceView, Seen } from "#platform/kube/view.ts";

/**
 * What we look at of a RemediationRequest or MachineRemediation: one shape for both. Only a request says who asks and what for; a
 * MachineRemediation is owned by its Machine instead.
 */
const remediationSchema = z.object({
  metadata: z
    .object({
      annotations: z
        .object({
          "cluster.x-k8s.io/paused": z.string().optional(),
          "capfn.dev/look-at": z.string().optional(),
        })
        .prefault({}),
      ownerReferences: z.array(z.object({ kind: z.string(), name: z.string(), uid: z.string() })).default([]),
    })
    .prefault({}),
  spec: remediationRequestSpecSchema.partial().prefault({}),
  status: remediationStatusSchema.prefault({}),
});

export type Remediation = z.infer<typeof remediationSchema>;

/** The phases in which nothing more is done. */
const finalPhases: readonly (RemediationPhase | undefined)[] = [
  "Succeeded",
  "Escalated",
  "Closed",
  "Planned",
];

/** Whether nothing more is done. */
export function isFinal({ status }: Pick<Remediation, "status">): boolean {
  return finalPhases.includes(status.phase);
}

/**
 * Found, once it is running or has taken a step, by the Machine it is about (`<namespace>/<name>`), and while a step is under way by the
 * Cluster. Both are told from the status alone. What has done nothing is found by neither: of a storm there are thousands, and each looks at
 * the others.
 */
function indexes({ status }: Seen<Remediation>): Readonly<Record<string, readonly string[]>> {
  const { target, phase, steps = [] } = status;
  if (target === undefined) return {};
  return {
    acted: phase === "Running" || steps.length > 0 ? [`${target.namespace}/${target.machine}`] : [],
    running: phase === "Running" ? [`${target.namespace}/${target.cluster}`] : [],
  };
}

export const remediationRequestView: ResourceView<Remediation> = {
  type: remediationRequests,
  schema: remediationSchema,
  indexes,
};

export const machineRemediationView: ResourceView<Remediation> = {
  type: machineRemediations,
  schema: remediationSchema,
  indexes,
};
