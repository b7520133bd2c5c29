import type { IncomingMessage } from "node:http";

import { readBody } from "#platform/kube/answer-body.ts";
import type { Answer, ApiRequest, Interceptor, RequestInfo } from "#platform/kube/api-request.ts";
import { parseApiStatus, refusalError } from "#platform/kube/api-status.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { createHttpExchange } from "#platform/kube/http-exchange.ts";
import type { HttpRequest } from "#platform/kube/http-exchange.ts";
import type { RequestBudget } from "#platform/kube/request-budget.ts";
import { resourcePath } from "#platform/kube/resource-url.ts";
import { parseRetryAfter } from "#platform/kube/retry-after.ts";
import { describeRequest, isReset, notSent, transportError } from "#platform/kube/transport-error.ts";
import { sleep } from "#platform/process/clock.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface ApiRequestsOptions {
  readonly clock: Clock;
  readonly budget?: RequestBudget | undefined;
  /** `capfn` by default. The part before `/` is the field manager of writes that name none. */
  readonly userAgent?: string | undefined;
  /** Time limit of one HTTP request; 30 s by default. For a watch: until its headers are there. */
  readonly timeoutMs?: number | undefined;
  /** Called after every HTTP request: recorder and metrics. */
  readonly onRequest?: ((info: RequestInfo) => void) | undefined;
  readonly intercept?: Interceptor | undefined;
  /** Asked right before a write leaves; false: it is not sent, because somebody else may act by now. Reads are not asked about. */
  readonly mayWrite?: (() => boolean) | undefined;
}

/** Requests of one API server with time limit, budget, repetition and error mapping. All methods throw {@link KubeError}. */
export interface ApiRequests {
  readonly connection: string;
  /** The parsed JSON answer. */
  call(request: ApiRequest): Promise<unknown>;
  /** A started watch: the answer with its headers read and its body not. `signal` of the request ends it. One attempt only. */
  open(request: ApiRequest): Promise<IncomingMessage>;
  /** Aborted by {@link close}. */
  readonly closed: AbortSignal;
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MOST_ATTEMPTS = 3;
/** A longer `Retry-After` is not waited for here: the error carries it to who can do something else meanwhile. */
const LONGEST_WAIT_MS = 5_000;
/** The API server's own limit of a request body (`MaxRequestBodyBytes`). */
const REQUEST_LIMIT_BYTES = 3 * 1024 * 1024;
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024;
const ERROR_LIMIT_BYTES = 1024 * 1024;

export function createApiRequests(config: ConnectionConfig, options: ApiRequestsOptions): ApiRequests {
  const { clock, budget } = options;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const exchange = createHttpExchange(config);
  const closing = new AbortController();

  /** One HTTP request under the time limit; `read` runs under it too. */
  async function exchangeOnce<T>(
    request: ApiRequest,
    read: (response: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    const limit = new AbortController();
    const cancel = clock.schedule(timeoutMs, () => limit.abort(new Error("time limit")));
    const caller = request.signal === undefined ? [] : [request.signal];
    try {
      const signal = AbortSignal.any([limit.signal, closing.signal, ...caller]);
      return await read(await exchange.send(toHttp(request, signal)));
    } catch (error) {
      const aborted = limit.signal.aborted || request.signal?.aborted === true;
      throw transportError(config.connection, request, { error, aborted, timeoutMs });
    } finally {
      cancel();
    }
  }

  function toHttp(request: ApiRequest, signal: AbortSignal): HttpRequest {
    const path = build(request, () => resourcePath(request.type, request, request.query));
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    if (body !== undefined && Buffer.byteLength(body) > REQUEST_LIMIT_BYTES) {
      throw notSent(config.connection, request, `the object is larger than ${REQUEST_LIMIT_BYTES} bytes`);
    }
    return {
      method: methods[request.verb],
      path,
      body,
      signal,
      leaving: () => refuseUnlessAllowed(request),
      pool: request.verb === "watch" ? "watches" : "requests",
      headers: {
        accept: request.accept ?? "application/json",
        "user-agent": options.userAgent ?? "capfn",
        ...(body === undefined
          ? {}
          : {
              "content-type": request.contentType ?? "application/json",
              "content-length": String(Buffer.byteLength(body)),
            }),
      },
    };
  }

  function refuseUnlessAllowed(request: ApiRequest): void {
    if (methods[request.verb] === "GET" || request.asks === true) return;
    if (options.mayWrite?.() !== false && request.mayWrite?.() !== false) return;
    throw notSent(config.connection, request, "this process may not act any more", { reason: "unavailable" });
  }

  function build(request: ApiRequest, path: () => string): string {
    try {
      return path();
    } catch (error) {
      throw notSent(config.connection, request, error instanceof Error ? error.message : "malformed");
    }
  }

  /** One attempt: signal, budget, interceptor, report. Resolves to a 2xx answer. */
  async function attempt(request: ApiRequest, attempt: number, send: () => Promise<Answer>): Promise<Answer> {
    const release = await admit(request);
    const startedAt = clock.monotonic();
    let status: number | undefined;
    let failure: string | undefined;
    try {
      const { verb, type, namespace, name, subresource } = request;
      const about = { connection: config.connection, verb, type, namespace, name, subresource, attempt };
      const answer = options.intercept === undefined ? await send() : await options.intercept(about, send);
      status = answer.status;
      if (status >= 200 && status < 300) return answer;
      throw refusalError(
        { connection: config.connection, what: describeRequest(request), type },
        {
          code: status,
          status: parseApiStatus(answer.body),
          retryAfterMs: parseRetryAfter(answer.retryAfter, clock.now()),
        },
      );
    } catch (error) {
      failure = error instanceof KubeError ? error.reason : error instanceof Error ? error.name : "error";
      throw error;
    } finally {
      release?.(status === 429);
      options.onRequest?.({
        connection: config.connection,
        verb: request.verb,
        group: request.type.group,
        resource: request.type.plural,
        namespace: request.namespace,
        name: request.name,
        subresource: request.subresource,
        attempt,
        status,
        error: failure,
        durationMs: clock.monotonic() - startedAt,
      });
    }
  }

  /** Waits for the budget; refuses what must not be sent any more. */
  async function admit(request: ApiRequest): Promise<((throttled?: boolean) => void) | undefined> {
    const signals = [closing.signal, ...(request.signal === undefined ? [] : [request.signal])];
    let release: ((throttled?: boolean) => void) | undefined;
    try {
      release = await budget?.acquire(AbortSignal.any(signals), request.background);
      for (const signal of signals) signal.throwIfAborted();
      return release;
    } catch (cause) {
      release?.();
      if (closing.signal.aborted) {
        throw notSent(config.connection, request, "the client is closed", { reason: "unavailable", cause });
      }
      throw notSent(config.connection, request, "its signal had aborted", { reason: "timeout", cause });
    }
  }

  function waitBefore(request: ApiRequest, error: unknown): number | undefined {
    if (!(error instanceof KubeError)) return undefined;
    if (error.status === 429 || error.status === 503) {
      return error.retryAfterMs !== undefined && error.retryAfterMs <= LONGEST_WAIT_MS
        ? error.retryAfterMs
        : undefined;
    }
    return request.repeatable && isReset(error) ? 0 : undefined;
  }

  async function call(request: ApiRequest): Promise<unknown> {
    const send = (): Promise<Answer> =>
      exchangeOnce(request, async (response) =>
        answerOf(response, await readBody(response, ANSWER_LIMIT_BYTES)),
      );
    for (let number = 1; ; number += 1) {
      try {
        return parseJson(request, await attempt(request, number, send));
      } catch (error) {
        const waitMs = number < MOST_ATTEMPTS ? waitBefore(request, error) : undefined;
        if (waitMs === undefined) throw error;
        await sleep(clock, waitMs, request.signal).catch(() => {
          throw error;
        });
      }
    }
  }

  function parseJson(request: ApiRequest, answer: Answer): unknown {
    try {
      return JSON.parse(answer.body);
    } catch {
      throw new KubeError({
        reason: "unavailable",
        status: answer.status,
        dependency: config.connection,
        message: `${config.connection}: ${describeRequest(request)}: HTTP ${answer.status} with a body that is not JSON; it may come from a proxy in between`,
      });
    }
  }

  async function open(request: ApiRequest): Promise<IncomingMessage> {
    let started: IncomingMessage | undefined;
    const send = (): Promise<Answer> =>
      exchangeOnce(request, async (response) => {
        if (response.statusCode !== 200) {
          return answerOf(response, await readBody(response, ERROR_LIMIT_BYTES));
        }
        started = response;
        return answerOf(response, "");
      });
    try {
      await attempt(request, 1, send);
    } catch (error) {
      started?.destroy();
      throw error;
    }
    if (started !== undefined) return started;
    throw notSent(config.connection, request, "answered without having been sent");
  }

  return {
    connection: config.connection,
    call,
    open,
    closed: closing.signal,
    close: () => {
      closing.abort(new Error("the client is closed"));
      exchange.close();
    },
  };
}

const methods = {
  get: "GET",
  list: "GET",
  watch: "GET",
  create: "POST",
  update: "PUT",
  patch: "PATCH",
  delete: "DELETE",
  deletecollection: "DELETE",
} as const;

function answerOf(response: IncomingMessage, body: string): Answer {
  return { status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], body };
}
