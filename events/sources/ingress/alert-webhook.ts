import * as z from "zod";
import { fieldName } from "#events/sources/ingress/config.ts";
import {
  fingerprintPattern,
  remediationRequestName,
  type RemediationAlert,
} from "#api/remediation-request.ts";

/** Entries one webhook may carry. No body within the limit holds more real alerts; more is noise. */
export const MOST_ALERTS = 40_000;

/** Labels by which a machine is found. Others are left out: they may hold anything, and be large. */
const targetLabels: ReadonlySet<string> = new Set([
  "cluster",
  "cluster_namespace",
  "machine",
  "provider_id",
  "node",
  "instance",
  "pod",
  "namespace",
]);
const LONGEST_NAME = 253;
/** A providerID may be longer than a name. */
const LONGEST_LABEL = 512;

const timeSchema = z.iso.datetime({ offset: true });

/** The body Alertmanager posts (its documentation, `<webhook_config>`, version 4). Each alert is read by itself, so that one bad one costs no other. */
export const webhookSchema = z.looseObject({
  version: z.literal("4").meta({ description: "Version of the message." }),
  status: z.enum(["firing", "resolved"]).meta({ description: "firing if any alert fires." }).optional(),
  receiver: z.string().meta({ description: "Receiver of the route that sent it." }).optional(),
  groupKey: z
    .string()
    .meta({ description: "Names the group of alerts; not an alert's identity." })
    .optional(),
  truncatedAlerts: z.number().meta({ description: "How many alerts `max_alerts` cut off." }).optional(),
  alerts: z.array(z.unknown()).max(MOST_ALERTS).meta({ description: "The alerts of the group." }),
});

/** One alert of a webhook. Fields that are not named here are allowed and not looked at. */
export const webhookAlertSchema = z.looseObject({
  status: z.enum(["firing", "resolved"]).meta({ description: "Whether it fires." }),
  labels: z
    .object({
      alertname: z.string().min(1).max(LONGEST_NAME).meta({ description: "Name of the alert." }),
    })
    .catchall(z.string())
    .meta({ description: "Labels of the alert; by them the machine is found." }),
  startsAt: timeSchema.meta({ description: "When it began to fire, RFC 3339." }),
  endsAt: z
    .string()
    .meta({ description: "When it ended, RFC 3339; of a firing alert it means nothing." })
    .optional(),
  fingerprint: z
    .string()
    .regex(new RegExp(fingerprintPattern), "must be lower-case hexadecimal, at most 64 digits")
    .meta({ description: "Hash of the labels." }),
});

/** An alert that was understood. `alert.endsAt` is set when it is resolved. */
export interface IncomingAlert {
  /** Name of its RemediationRequest. */
  readonly request: string;
  readonly resolved: boolean;
  readonly alert: RemediationAlert;
}

/** Why an alert of a webhook was not understood; the field is named, its value is not. */
export interface RefusedAlert {
  /** Where in `alerts`, from 0. */
  readonly index: number;
  readonly problem: string;
}

/** The alerts of a body that is a list of them. */
export interface ReadAlerts {
  readonly alerts: readonly IncomingAlert[];
  readonly refused: readonly RefusedAlert[];
}

export interface ReadWebhook extends ReadAlerts {
  /** Alerts that `max_alerts` cut off: no webhook will bring them. */
  readonly truncated: number;
}

/** A body that is no webhook of version 4: no repetition will help. */
export class NoWebhook extends Error {
  override readonly name = "NoWebhook";
}

/** Reads the body of a webhook. Throws {@link NoWebhook}, which names the field. */
export function readWebhook(body: unknown): ReadWebhook {
  const parsed = webhookSchema.safeParse(body);
  if (!parsed.success) throw new NoWebhook(problemsOf(parsed.error));
  const { alerts, truncatedAlerts = 0 } = parsed.data;
  return { ...readAlerts(alerts), truncated: truncatedAlerts };
}

/** Reads alerts, each by itself. */
export function readAlerts(given: readonly unknown[]): ReadAlerts {
  const alerts: IncomingAlert[] = [];
  const refused: RefusedAlert[] = [];
  for (const [index, each] of given.entries()) {
    const read = webhookAlertSchema.safeParse(each);
    if (!read.success) {
      refused.push({ index, problem: problemsOf(read.error, ["alerts", index]) });
      continue;
    }
    const label = tooLongLabel(read.data.labels);
    if (label === undefined) alerts.push(incoming(read.data));
    else {
      const problem = `alerts[${index}].labels.${label}: must be at most ${LONGEST_LABEL} characters`;
      refused.push({ index, problem });
    }
  }
  return { alerts, refused };
}

/** What of an alert goes into a RemediationRequest. */
function incoming(read: z.infer<typeof webhookAlertSchema>): IncomingAlert {
  const { status, labels, startsAt, fingerprint } = read;
  const resolved = status === "resolved";
  const kept = Object.entries(labels).filter(([name]) => targetLabels.has(name));
  return {
    request: remediationRequestName(read),
    resolved,
    alert: {
      name: labels.alertname,
      fingerprint,
      startsAt,
      labels: Object.fromEntries(kept),
      ...(resolved ? { endsAt: endOf(read) } : {}),
    },
  };
}

/** An end that is missing, unreadable or before the beginning is the beginning: that it ended is what counts. */
function endOf({ startsAt, endsAt }: z.infer<typeof webhookAlertSchema>): string {
  const ended = timeSchema.safeParse(endsAt);
  return ended.success && Date.parse(ended.data) >= Date.parse(startsAt) ? ended.data : startsAt;
}

/** The first label that is longer than any name of a machine. */
function tooLongLabel(labels: Readonly<Record<string, string>>): string | undefined {
  return [...targetLabels].find((name) => (labels[name] ?? "").length > LONGEST_LABEL);
}

/** `alerts[2].startsAt: Invalid ISO datetime`, at most three of them. */
function problemsOf(error: z.ZodError, prefix: readonly PropertyKey[] = []): string {
  return error.issues
    .slice(0, 3)
    .map(({ path, message }) => `${fieldName([...prefix, ...path])}: ${message}`)
    .join("; ");
}
