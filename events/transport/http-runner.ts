import { HTTP } from "cloudevents";
import { DeadlinePassed } from "#events/hub/attempts.ts";
import { dispatchEvent } from "#events/transport/cloud-event.ts";
import { encodedHeaders } from "#events/transport/event-headers.ts";
import { DEADLINE_HEADER, VERSION_HEADER } from "#events/transport/function-server.ts";
import { RunnerFault, type Dispatch, type Runner, type RunResult } from "#events/transport/runner.ts";
import { resultOf } from "#events/transport/wire.ts";
import { parseRetryAfter } from "#platform/kube/retry-after.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface HttpRunnerOptions {
  /** Where a function is served. */
  readonly urlOf: (name: string) => string;
  /** Bearer token for a function; undefined for none. Asked for each request, so that one that is replaced counts at once. */
  readonly tokenOf: (name: string) => Promise<string | undefined>;
  /** Version of this hub's code; a function of another one runs nothing for it. */
  readonly version: string;
  readonly clock: Clock;
}

/** Largest answer that is read: what a step wrote, as its views see it. */
const ANSWER_LIMIT_BYTES = 8 << 20;

/**
 * Sends dispatches to functions behind HTTP: Knative Services, or `capfn serve` anywhere. Nothing is sent again from here: a request that fails may
 * have been carried out, so the hub looks at the world anew and decides. When the attempt is aborted, so is the request, and the function writes no
 * more. The answer's head comes when the step begins, its body when the step has ended; so a step that nobody took up in time is told from one that
 * took too long.
 */
export function httpRunner(options: HttpRunnerOptions): Runner {
  return {
    run: async (dispatch) => {
      const { token, signal } = dispatch.attempt;
      let begun = false;
      try {
        const response = await send(dispatch, options);
        if (response === undefined) return { token, outcomes: new Map(), written: [] };
        begun = response.status === 200 && response.headers.has(VERSION_HEADER);
        return await readAnswer(response, dispatch, options);
      } catch (error) {
        if (signal.aborted) return ended(token, signal, begun);
        throw error instanceof RunnerFault ? error : new RunnerFault(error, { said: silence(error) });
      }
    },
  };
}

/** Undefined when there is nothing to send: all its objects are gone. */
async function send(dispatch: Dispatch, options: HttpRunnerOptions): Promise<Response | undefined> {
  const event = dispatchEvent(dispatch);
  if (event === undefined) return undefined;
  const { headers, body } = HTTP.binary(event);
  const { name, timeoutMs } = dispatch.function;
  const bearer = await options.tokenOf(name).catch((error: unknown) => {
    throw new RunnerFault(error, { said: "the hub has no token to show" });
  });
  return fetch(options.urlOf(name), {
    method: "POST",
    headers: {
      ...encodedHeaders(headers),
      [DEADLINE_HEADER]: String(timeoutMs),
      [VERSION_HEADER]: options.version,
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    },
    body: String(body),
    redirect: "error",
    signal: dispatch.attempt.signal,
  });
}

async function readAnswer(
  response: Response,
  { attempt }: Dispatch,
  options: HttpRunnerOptions,
): Promise<RunResult> {
  if (response.status !== 200) {
    await response.body?.cancel();
    const retryAfter = response.headers.get("retry-after") ?? undefined;
    throw new RunnerFault(new Error(`HTTP ${response.status}`), {
      said: refusal(response, options.version),
      retryAfterMs: parseRetryAfter(retryAfter, options.clock.now()),
    });
  }
  const result = resultOf(parse(await boundedText(response)));
  if (result.token === attempt.token) return result;
  const said = "the answer is to another attempt";
  throw new RunnerFault(new Error(said), { said });
}

/** A run whose time is over, or that may not go on. That the request has ended does not prove that the step has. */
function ended(token: string, { reason }: AbortSignal, begun: boolean): RunResult {
  const nothing = { token, outcomes: new Map(), written: [] };
  if (!(reason instanceof DeadlinePassed)) return { ...nothing, fault: reason };
  const said = "nobody took the step up before its deadline";
  return { ...nothing, fault: begun ? reason : new RunnerFault(reason, { said }), mayStillRun: true };
}

/** What a function says of itself in {@link VERSION_HEADER}. */
const versionText = /^[\w.+-]{1,64}$/;

/** Why a function, or whatever stands before it, runs no step. */
function refusal({ status, headers }: Response, ownVersion: string): string {
  const version = headers.get(VERSION_HEADER) ?? "";
  if (!versionText.test(version)) return `HTTP ${status} from something before the function`;
  switch (status) {
    case 401:
    case 403:
      return `HTTP ${status}: the function does not take the hub's token`;
    case 409:
      return "HTTP 409: a hub that leads since, or a newer attempt, has asked already";
    case 412:
      return `the function is of version ${version}, the hub of ${ownVersion}; both must be of one`;
    case 503:
      return "HTTP 503: the function asks to wait";
    default:
      return `HTTP ${status}: the function cannot take what the hub sends`;
  }
}

/** No answer came: the system's own word for it, e.g. ECONNREFUSED. */
function silence(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return /^[A-Z_]+$/.test(code) ? `no answer (${code})` : "no answer";
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > ANSWER_LIMIT_BYTES) {
      const said = "the function's answer is too large";
      throw new RunnerFault(new Error(said), { said });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
