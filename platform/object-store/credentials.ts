import * as z from "zod";
import type { KubeObject } from "#platform/kube/resource.ts";

/** How to sign requests to a store, and whom to trust there. */
export interface BucketCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  /** PEM of the authority that signed the store's certificate; undefined for those Node trusts. */
  readonly caPem: string | undefined;
}

const text = z.base64().transform((encoded) => Buffer.from(encoded, "base64").toString("utf8").trim());
const filled = text.refine((value) => value !== "");

const secretSchema = z.object({
  data: z.object(
    {
      AWS_ACCESS_KEY_ID: filled,
      AWS_SECRET_ACCESS_KEY: filled,
      AWS_SESSION_TOKEN: filled.optional(),
      AWS_CERT: text.refine((value) => /^-----BEGIN CERTIFICATE-----/m.test(value)).optional(),
    },
    "is missing",
  ),
});

/**
 * Credentials out of a Secret with the keys that a Secret for Longhorn's backups has (Longhorn, "Set up a backup target"): `AWS_ACCESS_KEY_ID`,
 * `AWS_SECRET_ACCESS_KEY`, and if need be `AWS_SESSION_TOKEN` and `AWS_CERT`. As text, for people, which keys are wrong; never their values.
 */
export function readBucketCredentials(secret: KubeObject): BucketCredentials | string {
  const parsed = secretSchema.safeParse(secret);
  if (!parsed.success) {
    const keys = parsed.error.issues.map(({ path }) => String(path[1] ?? "data"));
    return `Secret ${secret.metadata.name}: missing or not usable: ${[...new Set(keys)].join(", ")}`;
  }
  const { data } = parsed.data;
  return {
    accessKeyId: data.AWS_ACCESS_KEY_ID,
    secretAccessKey: data.AWS_SECRET_ACCESS_KEY,
    sessionToken: data.AWS_SESSION_TOKEN,
    caPem: data.AWS_CERT,
  };
}
