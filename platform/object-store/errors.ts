/**
 * Why something in an object store did not succeed.
 * - `unreachable`: no answer, or an answer that says to try later.
 * - `denied`: the credentials are not those of the store, or may not do it.
 * - `missing`: the bucket does not exist.
 * - `unfit`: what the store holds is not what was sent.
 * - `refused`: any other refusal.
 */
export type StoreErrorReason = "unreachable" | "denied" | "missing" | "unfit" | "refused";

/** One failure. `message` is for people: deterministic, with the error's code, without anything else the store said. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly reason: StoreErrorReason;

  constructor(message: string, fields: { reason: StoreErrorReason; cause?: unknown }) {
    super(message, { cause: fields.cause });
    this.reason = fields.reason;
  }
}

/** Codes of answers about credentials and rights (Amazon S3, "Error responses"). */
const DENIED: ReadonlySet<string> = new Set([
  "AccessDenied",
  "ExpiredToken",
  "Forbidden",
  "InvalidAccessKeyId",
  "InvalidToken",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
]);

/** What an error of the store's client means; a `StoreError` stays what it is. */
export function storeError(error: unknown, bucket: string): StoreError {
  if (error instanceof StoreError) return error;
  const status = statusOf(error);
  const code = codeOf(error);
  if (code === "NoSuchBucket") {
    return new StoreError(`bucket ${bucket} does not exist; make it`, { reason: "missing", cause: error });
  }
  if (DENIED.has(code) || status === 401 || status === 403) {
    const message = `the object store refuses the credentials, or their rights on bucket ${bucket} (${code})`;
    return new StoreError(message, { reason: "denied", cause: error });
  }
  if (status === undefined || status === 429 || status >= 500) {
    return new StoreError(`the object store does not answer (${code})`, {
      reason: "unreachable",
      cause: error,
    });
  }
  return new StoreError(`the object store refused a request (${code})`, { reason: "refused", cause: error });
}

/** The code of an answer, of the system, or the error's name: words, never texts. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  return /^[A-Za-z0-9_.]{1,60}$/.test(code) ? code : "unknown";
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}
