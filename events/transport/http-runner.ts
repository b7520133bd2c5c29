import { HTTP } from "cloudevents";
import { dispatchEvent } from "#events/transport/cloud-event.ts";
import { DEADLINE_HEADER } from "#events/transport/function-server.ts";
import { RunnerFault, type Dispatch, type Runner, type RunResult } from "#events/transport/runner.ts";
import { resultOf } from "#events/transport/wire.ts";

export interface HttpRunnerOptions {
  /** Where a function is served. */
  readonly urlOf: (name: string) => string;
  /** Bearer token for a function; undefined for none. */
  readonly tokenOf: (name: string) => Promise<string | undefined>;
}

/** Largest answer that is read: what a step wrote, as its views see it. */
const ANSWER_LIMIT_BYTES = 8 << 20;

/**
 * Sends dispatches to functions behind HTTP: Knative Services, or `capfn serve` anywhere. Nothing is sent again from here: a request that fails may
 * have been carried out, so the hub looks at the world anew and decides. When the attempt is aborted, so is the request, and the function writes no
 * more.
 */
export function httpRunner({ urlOf, tokenOf }: HttpRunnerOptions): Runner {
  return {
    run: async (dispatch) => {
      const { token, signal } = dispatch.attempt;
      const event = dispatchEvent(dispatch);
      if (event === undefined) return { token, outcomes: new Map(), written: [] };
      const { headers, body } = HTTP.binary(event);
      try {
        const bearer = await tokenOf(dispatch.function.name);
        const response = await fetch(urlOf(dispatch.function.name), {
          method: "POST",
          headers: {
            ...textHeaders(headers),
            [DEADLINE_HEADER]: String(dispatch.function.timeoutMs),
            ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
          },
          body: String(body),
          redirect: "error",
          signal,
        });
        return await readAnswer(response, dispatch);
      } catch (error) {
        if (signal.aborted) return { token, outcomes: new Map(), written: [], fault: signal.reason };
        throw error instanceof RunnerFault ? error : new RunnerFault(error);
      }
    },
  };
}

async function readAnswer(response: Response, { attempt }: Dispatch): Promise<RunResult> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new RunnerFault(new Error(`HTTP ${response.status}`), { retryAfterMs: retryAfterOf(response) });
  }
  const result = resultOf(parse(await boundedText(response)));
  if (result.token !== attempt.token) throw new RunnerFault(new Error("the answer is to another attempt"));
  return result;
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > ANSWER_LIMIT_BYTES) throw new RunnerFault(new Error("the function's answer is too large"));
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

/** Seconds only; a date would rest on the clock of another machine. */
function retryAfterOf({ headers }: Response): number | undefined {
  const seconds = Number(headers.get("retry-after") ?? undefined);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

function textHeaders(headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
