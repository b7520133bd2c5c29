import * as z from "zod";

import { conditionsSchema } from "#api/condition.ts";

/** What can be done about an unhealthy machine, mildest first. */
export const remediationSteps = ["Reboot", "PowerCycle", "Recreate", "Escalate"] as const;

export type RemediationStepName = (typeof remediationSteps)[number];

/** The steps taken when none are named. Recreating loses what is on the machine's disks, so it is only done when it is asked for. */
export const defaultSteps: readonly RemediationStepName[] = ["Reboot", "PowerCycle", "Escalate"];

/** Values of a {@link RemediationPolicy} that leaves them out. */
export const policyDefaults = {
  stepTimeoutSeconds: 300,
  maxAttempts: 1,
  cooldownSeconds: 600,
  minHealthy: "51%",
} as const;

/** A number of machines, or a share of them such as `51%`. */
const countOrShareSchema = z.union([z.int(), z.string()]).meta({
  pattern: "^((100|[0-9]{1,2})%|[0-9]{1,6})$",
  "x-kubernetes-int-or-string": true,
});

/** How a machine is remediated and when it is not: the spec of a MachineRemediation, and part of a RemediationRequest's. */
export const remediationPolicyFields = {
  steps: z
    .array(z.enum(remediationSteps).meta({ description: "One step.", examples: ["Reboot"] }))
    .meta({
      description:
        "The steps, taken one after the other until the Node is Ready. `Reboot`: the VM's instance is stopped and started. `PowerCycle`: the same without waiting for the guest. `Recreate`: the Machine is deleted, its owner makes another; a control plane provider is asked to do both. `Escalate`: a person is told. Default: Reboot, PowerCycle, Escalate.",
      examples: [["Reboot", "Recreate"]],
      minItems: 1,
      maxItems: 8,
    })
    .optional(),
  stepTimeoutSeconds: z
    .int32()
    .meta({
      description:
        "How long the Node has to become Ready after a step; then the next one is taken. Default 300.",
      examples: [300],
      minimum: 1,
      maximum: 86_400,
    })
    .optional(),
  maxAttempts: z
    .int32()
    .meta({
      description: "How often a step is taken before the next one. Default 1.",
      examples: [2],
      minimum: 1,
      maximum: 10,
    })
    .optional(),
  cooldownSeconds: z
    .int32()
    .meta({
      description:
        "How long a machine is left alone after its last remediation, or its last start. Default 600.",
      examples: [600],
      minimum: 0,
      maximum: 604_800,
    })
    .optional(),
  minHealthy: countOrShareSchema
    .meta({
      description:
        "How many of the cluster's other machines, or which share of them, must be healthy. Default 51%.",
      examples: ["51%"],
    })
    .optional(),
  dryRun: z
    .boolean()
    .meta({ description: "Say what would be done, and do nothing.", examples: [true] })
    .optional(),
  recreateUnowned: z
    .boolean()
    .meta({
      description: "Delete the Machine for `Recreate` even if nothing owns it, so that nothing replaces it.",
      examples: [true],
    })
    .optional(),
};

const policySchema = z.looseObject(remediationPolicyFields);

export type RemediationPolicy = z.infer<typeof policySchema>;

const takenStepSchema = z
  .looseObject({
    name: z.enum(remediationSteps).meta({ description: "Which step.", examples: ["Reboot"] }),
    attempt: z
      .int32()
      .meta({ description: "The how many-th attempt at this step, from 1.", examples: [1], minimum: 1 }),
    state: z.enum(["Running", "Succeeded", "TimedOut", "Skipped"]).meta({
      description:
        "`Running`: waiting for its effect. `Succeeded`: the Node is Ready. `TimedOut`: it was not in time. `Skipped`: it could not be taken.",
      examples: ["Succeeded"],
    }),
    uid: z
      .string()
      .meta({
        description: "uid of the object the step stops, starts anew or deletes; no namesake is touched.",
        examples: ["9a2e6f0c-3a52-4f5b-9f43-0d5f0b6f5d11"],
      })
      .optional(),
    bootID: z
      .string()
      .meta({
        description:
          "`status.nodeInfo.bootID` of the Node before the step. As long as the Node shows it, what the Node says is from before the restart.",
        examples: ["5f0b6f5d-11c3-4a52-9f43-0d9a2e6f0c3a"],
      })
      .optional(),
    reason: z.string().meta({ description: "Why it was taken, or skipped.", examples: ["NodeNotReady"] }),
    proof: z
      .string()
      .meta({
        description: "What shows that it took effect.",
        examples: ["instance 9a2e6f0c-3a52-4f5b-9f43-0d5f0b6f5d11 is gone, Node shop-md-0 is Ready"],
      })
      .optional(),
    startedAt: z.string().meta({
      description: "When it was decided, RFC 3339.",
      examples: ["2026-11-21T10:37:08Z"],
      format: "date-time",
    }),
    finishedAt: z
      .string()
      .meta({
        description: "When it succeeded, timed out or was skipped, RFC 3339.",
        examples: ["2026-11-21T10:38:51Z"],
        format: "date-time",
      })
      .optional(),
  })
  .meta({ description: "One step that was taken." });

export type TakenStep = z.infer<typeof takenStepSchema>;

const resolvedTargetSchema = z.looseObject({
  by: z.string().meta({
    description: "By what the machine was found: the field or the label.",
    examples: ["label node"],
  }),
  namespace: z.string().meta({ description: "Namespace of the Machine.", examples: ["demo"] }),
  cluster: z.string().meta({ description: "Cluster the Machine belongs to.", examples: ["shop"] }),
  machine: z.string().meta({ description: "Name of the Machine.", examples: ["shop-md-0-x7k2p"] }),
  machineUID: z.string().meta({
    description: "uid of the Machine; a namesake created later is not the target.",
    examples: ["38bca041-6a0f-4c0e-8a77-5fbc0f0bb6a4"],
  }),
  node: z
    .string()
    .meta({ description: "Name of the Node, when the Machine has one.", examples: ["shop-md-0-x7k2p"] })
    .optional(),
});

export type ResolvedTarget = z.infer<typeof resolvedTargetSchema>;

/** Where a remediation is. The last four are final. */
const remediationPhases = [
  "Pending",
  "Unresolved",
  "Held",
  "Running",
  "Succeeded",
  "Escalated",
  "Closed",
  "Planned",
] as const;

export type RemediationPhase = (typeof remediationPhases)[number];

/** `status` of a RemediationRequest and of a MachineRemediation. */
export const remediationStatusSchema = z.looseObject({
  observedGeneration: z
    .int()
    .meta({ description: "The `metadata.generation` the status is about.", examples: [1], format: "int64" })
    .optional(),
  phase: z
    .enum(remediationPhases)
    .meta({
      description:
        "`Pending`: no step was taken yet. `Unresolved`: which machine is meant cannot be told, see the condition TargetResolved. `Held`: not now, see the condition RemediationAllowed. `Running`: a step waits for its effect. `Succeeded`: the machine is well. `Escalated`: no step helped, a person is needed. `Closed`: the alert ended, or the machine went, before all steps were taken. `Planned`: a dry run, nothing was done.",
      examples: ["Running"],
    })
    .optional(),
  target: resolvedTargetSchema.meta({ description: "The machine that is meant." }).optional(),
  steps: z.array(takenStepSchema).meta({ description: "The steps taken so far, oldest first." }).optional(),
  conditions: conditionsSchema.optional(),
});

export type RemediationStatus = z.infer<typeof remediationStatusSchema>;
