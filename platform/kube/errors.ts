/** Why a request to an API server did not succeed, as one word a decision can be made on. */
export type KubeErrorReason =
  | "conflict" // 409: the object changed since it was read
  | "alreadyExists" // 409 AlreadyExists
  | "notFound" // 404
  | "invalid" // 422, 400: no repetition will help
  | "forbidden" // 403
  | "unauthorized" // 401
  | "gone" // 410: the resourceVersion is too old, list again
  | "tooMany" // 429
  | "timeout" // no answer within the time limit
  | "unavailable"; // 5xx, refused, reset, TLS: the API server or the way to it

/**
 * What a status code alone does not say.
 * - `uidMismatch`: the object has another uid than the precondition; its namesake was recreated.
 * - `versionTooLarge`: the API server has not yet seen the resourceVersion asked for; it is behind.
 * - `notServed`: a 404 that is not a Kubernetes `Status`: the resource type is not installed, or the URL does not lead to an API
 *   server. It says nothing about the object, so it is `unavailable`, never `notFound`.
 * - `notSent`: the request never left: refused because its signal had aborted, the client was closed, or it was malformed.
 */
export type KubeErrorDetail = "uidMismatch" | "versionTooLarge" | "notServed" | "notSent";

/** One failed request. `message` never contains the request or response body beyond the API server's own message. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly reason: KubeErrorReason;
  /** HTTP status, or undefined when no answer came. */
  readonly status: number | undefined;
  /** From `Retry-After`, already resolved against the clock; undefined when missing, unparsable or past (RFC 9110 10.2.3). */
  readonly retryAfterMs: number | undefined;
  /** The API server asked, as a connection name such as `management` or `harvester/ns/secret`. */
  readonly dependency: string;
  readonly detail: KubeErrorDetail | undefined;

  constructor(fields: {
    reason: KubeErrorReason;
    message: string;
    dependency: string;
    status?: number | undefined;
    retryAfterMs?: number | undefined;
    detail?: KubeErrorDetail | undefined;
    cause?: unknown;
  }) {
    super(fields.message, { cause: fields.cause });
    this.reason = fields.reason;
    this.status = fields.status;
    this.retryAfterMs = fields.retryAfterMs;
    this.dependency = fields.dependency;
    this.detail = fields.detail;
  }
}

export function isKubeError(error: unknown, ...reasons: KubeErrorReason[]): error is KubeError {
  return error instanceof KubeError && (reasons.length === 0 || reasons.includes(error.reason));
}
