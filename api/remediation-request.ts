import * as z from "zod";

import { namespacedMetaSchema } from "#api/object-meta.ts";
import { remediationPolicyFields, remediationStatusSchema } from "#api/remediation.ts";

/** Alertmanager writes 16 hexadecimal digits; others may write more. */
export const fingerprintPattern = "^[0-9a-f]{1,64}$";

/** The alert a request was made from (Alertmanager webhook, version 4). Its identity is `fingerprint` and `startsAt`. */
export const remediationAlertSchema = z.looseObject({
  name: z.string().meta({ description: "Name of the alert.", examples: ["NodeDown"], minLength: 1 }),
  fingerprint: z.string().meta({
    description: "Hash of the alert's labels, as Alertmanager sends it. Immutable.",
    examples: ["8c3f1e2d4b5a6978"],
    pattern: fingerprintPattern,
    "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "a request is about one alert" }],
  }),
  startsAt: z.string().meta({
    description: "When the alert began to fire, RFC 3339. Immutable.",
    examples: ["2026-11-21T10:36:58Z"],
    format: "date-time",
    "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "a request is about one alert" }],
  }),
  endsAt: z
    .string()
    .meta({
      description:
        "When the alert ended, RFC 3339. Absent while it fires. Written by the ingress: a step under way is finished, no further one is taken.",
      examples: ["2026-11-21T10:51:58Z"],
      format: "date-time",
    })
    .optional(),
  labels: z
    .record(z.string(), z.string())
    .meta({
      description:
        "Labels of the alert by which its machine is found: `cluster`, `cluster_namespace`, `machine`, `provider_id`, `node`, `instance`, `pod` with `namespace`.",
      examples: [{ cluster: "shop", node: "shop-md-0-x7k2p" }],
    })
    .optional(),
});

export type RemediationAlert = z.infer<typeof remediationAlertSchema>;

/** What is known of the machine that is meant. Each given field must agree with the machine that is found. */
export const remediationTargetSchema = z.looseObject({
  namespace: z
    .string()
    .meta({ description: "Namespace of the Machine; the request's own when left out.", examples: ["demo"] })
    .optional(),
  cluster: z
    .string()
    .meta({ description: "Name of the Cluster.", examples: ["shop"] })
    .optional(),
  machine: z
    .string()
    .meta({ description: "Name of the Machine.", examples: ["shop-md-0-x7k2p"] })
    .optional(),
  providerID: z
    .string()
    .meta({ description: "providerID of the Machine and its Node.", examples: ["harvester://0f6d2c1e"] })
    .optional(),
  node: z
    .string()
    .meta({ description: "Name of the Node in the workload cluster.", examples: ["shop-md-0-x7k2p"] })
    .optional(),
  address: z
    .string()
    .meta({ description: "IP address of the machine, with or without a port.", examples: ["10.7.0.40:9100"] })
    .optional(),
});

export type RemediationTarget = z.infer<typeof remediationTargetSchema>;

/** How long a request is kept that does not say it, seconds. */
export const defaultTtlSeconds = 604_800;

/** `RemediationRequest.spec`. */
export const remediationRequestSpecSchema = z.looseObject({
  source: z.enum(["Alert", "Injection"]).meta({
    description: "Who asks: an alert, or a person or program by hand. Immutable.",
    examples: ["Alert"],
    "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "the source does not change" }],
  }),
  alert: remediationAlertSchema.meta({ description: "The alert, when one asks." }).optional(),
  target: remediationTargetSchema
    .meta({
      description: "The machine that is meant, as far as it is known. Goes before the alert's labels.",
    })
    .optional(),
  ttlSecondsAfterFinished: z
    .int32()
    .meta({
      description:
        "How long the request is kept when it has ended, and its alert has. Then it is deleted. Default 604800, a week.",
      examples: [604_800],
      minimum: 0,
    })
    .optional(),
  ...remediationPolicyFields,
});

export type RemediationRequestSpec = z.infer<typeof remediationRequestSpecSchema>;

/** A RemediationRequest as the API server answers. Unknown fields are kept. */
export const remediationRequestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("RemediationRequest"),
  metadata: namespacedMetaSchema,
  spec: remediationRequestSpecSchema.meta({
    description: "The machine that is unwell, and what may be done.",
  }),
  status: remediationStatusSchema.meta({ description: "What was done." }).optional(),
});

export type RemediationRequest = z.infer<typeof remediationRequestSchema>;

/**
 * Name of the request for an alert: the same for every delivery of the same firing, whoever delivers it, so that "already exists" means
 * "known". Firing anew is another name. Throws a RangeError that names the field which is not what Alertmanager sends.
 */
export function remediationRequestName(alert: {
  readonly fingerprint: string;
  readonly startsAt: string;
}): string {
  if (!new RegExp(fingerprintPattern).test(alert.fingerprint)) {
    throw new RangeError("fingerprint is not lower-case hexadecimal; send it as Alertmanager does");
  }
  const startedMs = Date.parse(alert.startsAt);
  if (Number.isNaN(startedMs))
    throw new RangeError("startsAt is no RFC 3339 time; send it as Alertmanager does");
  return `alert-${alert.fingerprint}-${startedMs}`;
}
