import type { ServerResponse } from "node:http";

const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Expired",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/** Answers with a failure as an API server words it (`metav1.Status`). */
export function answerStatus(answer: ServerResponse, code: number, retryAfterSeconds?: number): void {
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  answer.writeHead(code, { "content-type": "application/json", ...headers });
  answer.end(JSON.stringify(failure(code, retryAfterSeconds)));
}

/** Answers a watch as a watch cache does that no longer has what is asked for: with an event, after status 200. */
export function answerGoneEvent(answer: ServerResponse): void {
  answer.writeHead(200, { "content-type": "application/json" });
  answer.end(`${JSON.stringify({ type: "ERROR", object: failure(410) })}\n`);
}

function failure(code: number, retryAfterSeconds?: number): Record<string, unknown> {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "fault injected on the way to the API server",
    reason: REASONS[code] ?? "Unknown",
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
    code,
  };
}
