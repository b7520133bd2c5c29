import type { ApiRequest } from "#platform/kube/api-request.ts";
import { KubeError } from "#platform/kube/errors.ts";

/** `patch virtualmachines/status ns/name`: names only, nothing of the content. */
export function describeRequest(request: ApiRequest): string {
  const { verb, type, namespace, name, subresource } = request;
  const resource = subresource === undefined ? type.plural : `${type.plural}/${subresource}`;
  const object = [namespace, name].filter((part) => part !== undefined).join("/");
  return object === "" ? `${verb} ${resource}` : `${verb} ${resource} ${object}`;
}

/** A request that never left this process, so certainly had no effect. */
export function notSent(
  connection: string,
  request: ApiRequest,
  why: string,
  ended?: { readonly reason: "timeout" | "unavailable"; readonly cause?: unknown },
): KubeError {
  return new KubeError({
    reason: ended?.reason ?? "invalid",
    detail: "notSent",
    dependency: connection,
    message: `${connection}: ${describeRequest(request)}: not sent: ${why}`,
    cause: ended?.cause,
  });
}

/** A request without an answer. Unless the error says otherwise, it may have had its effect. */
export function transportError(
  connection: string,
  request: ApiRequest,
  failure: { readonly error: unknown; readonly aborted: boolean; readonly timeoutMs: number },
): KubeError {
  const { error } = failure;
  if (error instanceof KubeError) return error;
  const prefix = `${connection}: ${describeRequest(request)}`;
  if (failure.aborted) {
    const why =
      request.signal?.aborted === true
        ? "aborted by its signal while under way"
        : `no answer within ${failure.timeoutMs} ms`;
    return new KubeError({
      reason: "timeout",
      dependency: connection,
      message: `${prefix}: ${why}; it may have taken effect`,
      cause: request.signal?.aborted === true ? request.signal.reason : error,
    });
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "transport error";
  const said = error instanceof Error && error.message !== "" ? error.message : code;
  return new KubeError({
    reason: "unavailable",
    dependency: connection,
    message: `${prefix}: ${said}`,
    cause: error,
  });
}

const resetCodes = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

/** The connection broke before any answer: typically a kept-alive connection the server had just closed. */
export function isReset(error: KubeError): boolean {
  const { cause } = error;
  return (
    error.status === undefined &&
    cause instanceof Error &&
    "code" in cause &&
    typeof cause.code === "string" &&
    resetCodes.has(cause.code)
  );
}
