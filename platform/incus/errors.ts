/**
 * Why a call to LXD or Incus did not succeed.
 * - `unreachable`: no answer: refused, reset, or not within the time limit. What was asked may have happened.
 * - `unpinned`: the server shows another certificate than the one that is pinned, or one that nobody vouches for; nothing was asked.
 * - `refused`: it answered that it does not do it; `status` says why.
 * - `unfit`: the answer is not one of its REST API.
 */
export type IncusErrorReason = "unreachable" | "unpinned" | "refused" | "unfit";

/** One failed call. `message` names the server and the call; it never holds keys or what the server said. */
export class IncusError extends Error {
  override readonly name = "IncusError";
  readonly reason: IncusErrorReason;
  /** HTTP status of a refusal. */
  readonly status: number | undefined;

  constructor(
    message: string,
    fields: { reason: IncusErrorReason; status?: number | undefined; cause?: unknown },
  ) {
    super(message, { cause: fields.cause });
    this.reason = fields.reason;
    this.status = fields.status;
  }
}
