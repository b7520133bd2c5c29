import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import * as z from "zod";
import { remediationSteps } from "#api/remediation.ts";

/** Paths a sender may be allowed to use. */
const pathSchema = z.enum(["/alerts", "/events"]);

/** A type of the catalogue or of another project, or a prefix of types that ends in `*`. */
const typePatternSchema = z.string().regex(/^[\w.-]+\*?$/, "must be an event type, or its beginning and *");

const senderSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "must be lower-case letters, digits and -"),
    /** File with the sender's bearer token; read again when it changes. */
    tokenFile: z.string().min(1).optional(),
    /** Subject of the sender's client certificate, e.g. `CN=alertmanager`; parts as in the certificate, joined by `, `. */
    certificateSubject: z.string().min(1).optional(),
    paths: z.array(pathSchema).min(1),
    /** What it may send to `/events`; everything when left out. */
    types: z.array(typePatternSchema).min(1).optional(),
    /** Origins for which the webhook handshake at `/events` is granted. */
    origins: z.array(z.string().min(1)).default([]),
    requestsPerSecond: z.number().positive().max(10_000).default(100),
  })
  .refine((sender) => (sender.tokenFile === undefined) !== (sender.certificateSubject === undefined), {
    message: "must have one of tokenFile and certificateSubject",
  });

const alertmanagerSchema = z.strictObject({
  /** Where Alertmanager is, with its route prefix if it has one. */
  url: z.url({ protocol: /^https?$/ }),
  /** The receiver that posts to `/alerts`: only its alerts are taken. */
  receiver: z.string().min(1),
  tokenFile: z.string().min(1).optional(),
  caFile: z.string().min(1).optional(),
  /** Time between two looks while a request is open, seconds; five times as long while none is. */
  everySeconds: z.number().min(5).max(3600).default(60),
});

const tlsSchema = z.strictObject({
  certificateFile: z.string().min(1),
  keyFile: z.string().min(1),
  /** Authorities of client certificates; needed when a sender has a `certificateSubject`. */
  clientCaFile: z.string().min(1).optional(),
});

/** The limits are those of the CustomResourceDefinition: a request beyond them would be refused when an alert comes, which is too late. */
const policySchema = z.strictObject({
  steps: z.array(z.enum(remediationSteps)).min(1).max(8).optional(),
  stepTimeoutSeconds: z.int().min(1).max(86_400).optional(),
  maxAttempts: z.int().min(1).max(10).optional(),
  cooldownSeconds: z.int().min(0).max(604_800).optional(),
  minHealthy: z
    .union([
      z.int().min(0).max(999_999),
      z.string().regex(/^(100|\d{1,2})%$/, "must be a number, or a share such as 51%"),
    ])
    .optional(),
  dryRun: z.boolean().optional(),
  recreateUnowned: z.boolean().optional(),
});

/** The file itself, as JSON. */
export const ingressConfigSchema = z
  .strictObject({
    tls: tlsSchema.optional(),
    senders: z.array(senderSchema).min(1),
    /** Namespace of the RemediationRequests that alerts become. */
    alertNamespace: z.string().min(1).optional(),
    /** What may be done about the machine of an alert: the policy fields of a RemediationRequest. */
    remediation: policySchema.optional(),
    /** Alertmanagers that are asked now and then, so that a lost webhook is only late. */
    alertmanagers: z.array(alertmanagerSchema).default([]),
  })
  .superRefine(({ senders, tls }, context) => {
    const seen = new Set<string>();
    for (const [index, { name, certificateSubject }] of senders.entries()) {
      if (seen.has(name))
        context.addIssue({ code: "custom", path: ["senders", index, "name"], message: "must be unique" });
      seen.add(name);
      if (certificateSubject !== undefined && tls?.clientCaFile === undefined)
        context.addIssue({
          code: "custom",
          path: ["senders", index, "certificateSubject"],
          message: "needs tls.clientCaFile, by which client certificates are verified",
        });
    }
  });

/** Who may send what, as `--ingress-config` says. */
export type IngressConfig = z.infer<typeof ingressConfigSchema>;
export type SenderConfig = IngressConfig["senders"][number];
export type AlertmanagerConfig = IngressConfig["alertmanagers"][number];

/** Reads the file. Throws an Error that names the file, the field and the mend, never a value that may be secret. */
export async function readIngressConfig(path: string): Promise<IngressConfig> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new Error(`--ingress-config ${path} cannot be read; name a readable YAML file`, { cause: error });
  });
  return parseIngressConfig(path, text);
}

/** The same from text; `path` is for the error. */
export function parseIngressConfig(path: string, text: string): IngressConfig {
  const parsed = ingressConfigSchema.safeParse(fromYaml(path, text));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${fieldName(issue.path)}: ${issue.message}`);
  throw new Error(`--ingress-config ${path}: ${problems.join("; ")}`);
}

function fromYaml(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new Error(`--ingress-config ${path} is no YAML`, { cause: error });
  }
}

/** `senders[0].name`. */
export function fieldName(path: readonly PropertyKey[]): string {
  const name = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return name === "" ? "body" : name.replace(/^\./, "");
}
