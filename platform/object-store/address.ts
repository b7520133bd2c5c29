import * as z from "zod";

/** A folder of a bucket in an S3-compatible object store, and how the store is reached. */
export interface BucketAddress {
  readonly bucket: string;
  /** Before every key, without slashes at its ends; empty for none. */
  readonly prefix: string;
  /** URL of the store; undefined for Amazon S3 itself. */
  readonly endpoint: string | undefined;
  readonly region: string;
  /** `<endpoint>/<bucket>/<key>` instead of `<bucket>.<endpoint>/<key>`. */
  readonly pathStyle: boolean;
  /** The Secret with the credentials. */
  readonly secret: { readonly namespace: string; readonly name: string };
}

/** The Secret with the credentials when the URL names none. */
const DEFAULT_SECRET = "capfn-system/capfn-snapshot-store";

const trueOrFalse = z.enum(["true", "false"], "must be true or false").transform((text) => text === "true");

const optionsSchema = z.strictObject(
  {
    endpoint: z
      .url({ protocol: /^https?$/, error: "must be a URL with http or https, e.g. https://s3.example.org" })
      .optional(),
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, "must be a region, e.g. eu-central-1")
      .default("us-east-1"),
    "path-style": trueOrFalse.optional(),
    secret: z
      .string()
      .regex(
        /^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/,
        "must be <namespace>/<name> of a Secret",
      )
      .default(DEFAULT_SECRET),
  },
  "is not known; there are endpoint, region, path-style and secret",
);

/** Amazon S3, "Bucket naming rules", without those that other stores do not have. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[A-Za-z0-9!_.*'()/-]*$/;

/**
 * Reads `s3://<bucket>/<prefix>?endpoint=<url>&region=<name>&path-style=<true|false>&secret=<namespace>/<name>`. Everything after the bucket may be left out;
 * with an endpoint the style is that of paths unless said otherwise.
 *
 * @throws Error that names what is wrong and the mend.
 */
export function parseBucketAddress(text: string): BucketAddress {
  const url = URL.parse(text);
  if (url?.protocol !== "s3:") throw new Error(`${text} is no URL of a bucket; write s3://<bucket>/<prefix>`);
  if (url.username !== "" || url.password !== "" || url.port !== "" || url.hash !== "") {
    throw new Error(
      "the URL of a bucket holds no user, password, port or fragment; use a Secret and ?endpoint=",
    );
  }
  const bucket = url.hostname;
  if (!BUCKET.test(bucket)) {
    throw new Error(
      `"${bucket}" is no name of a bucket: 3 to 63 lower case letters, digits, dots and hyphens`,
    );
  }
  const prefix = decodeURIComponent(url.pathname).replaceAll(/^\/+|\/+$/g, "");
  if (!PREFIX.test(prefix) || prefix.split("/").some((part) => /^\.*$/.test(part) && prefix !== "")) {
    throw new Error(
      `prefix "${prefix}" must be words of letters, digits and !_.*'()- with one slash between them`,
    );
  }
  const asked = optionsSchema.safeParse(Object.fromEntries(url.searchParams));
  if (!asked.success) {
    const [issue] = asked.error.issues;
    const name = issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : issue?.path.join(".");
    throw new Error(`${name ?? "an option"} in the URL of the bucket ${issue?.message ?? "is wrong"}`);
  }
  const { endpoint, region } = asked.data;
  const [namespace = "", name = ""] = asked.data.secret.split("/");
  const pathStyle = asked.data["path-style"] ?? endpoint !== undefined;
  return { bucket, prefix, endpoint, region, pathStyle, secret: { namespace, name } };
}
