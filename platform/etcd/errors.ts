/**
 * Why a call to an etcd member did not succeed.
 * - `unreachable`: no answer at all: refused, reset, TLS, or not within the time limit. What was asked may have happened.
 * - `refused`: the member answered that it does not or cannot do it; `code` says why.
 * - `unfit`: the answer is not one of etcd's gateway.
 */
export type EtcdErrorReason = "unreachable" | "refused" | "unfit";

/** Status codes of gRPC that a decision is made on (gRPC, "Status codes and their use"). */
export const grpcCodes = { notFound: 5, outOfRange: 11 } as const;

/** One failed call. `message` names the member's URL and the call; it never holds credentials or stored data. */
export class EtcdError extends Error {
  override readonly name = "EtcdError";
  readonly reason: EtcdErrorReason;
  /** gRPC status code of a refusal, when the gateway told one. */
  readonly code: number | undefined;

  constructor(
    message: string,
    fields: { reason: EtcdErrorReason; code?: number | undefined; cause?: unknown },
  ) {
    super(message, { cause: fields.cause });
    this.reason = fields.reason;
    this.code = fields.code;
  }
}
