import { AsyncLocalStorage } from "node:async_hooks";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { Answer, Interceptor } from "#platform/kube/api-request.ts";
import { KubeError } from "#platform/kube/errors.ts";
import type { CallName, Director, InterceptedRequest } from "#test/chaos/director.ts";
import type { Mortality } from "#test/chaos/mortal-clock.ts";
import { describeTrigger, type Fault } from "#test/chaos/plan.ts";
import { writes } from "#test/chaos/trace.ts";

/** What a fault may do to the operator that makes the call. */
export interface FaultHands {
  crash(): void;
  /** Pauses it for this long and starts a second one. */
  doubleHub(forMs: number): void;
}

interface Caller {
  readonly function: string;
  readonly signal: AbortSignal;
}

const callers = new AsyncLocalStorage<Caller>();

/** The functions, so that every request tells which of them makes it. */
export function withCallers(
  functions: readonly StepFunction[],
  { attemptMs, etcdMember }: { attemptMs?: number | undefined; etcdMember: Deps["etcdMember"] },
): StepFunction[] {
  return functions.map((fn) => ({
    ...fn,
    timeoutMs: attemptMs ?? fn.timeoutMs,
    run: (items, lookup, deps) =>
      callers.run({ function: fn.name, signal: deps.signal }, () =>
        fn.run(items, lookup, { ...deps, etcdMember }),
      ),
  }));
}

/** The function whose attempt is under way; undefined for hub, sources and reporter. */
export function callerNow(): Caller | undefined {
  return callers.getStore();
}

/** Seam 1: around every HTTP request of one operator. */
export function callSeam(
  director: Director,
  life: { readonly number: number; readonly mortality: Mortality },
  hands: FaultHands,
): Interceptor {
  const { mortality } = life;
  return async (request, send) => {
    await mortality.alive();
    const caller = callerNow();
    const { call, fault } = director.call(life.number, caller?.function ?? "hub", request);
    if (caller?.signal.aborted === true && writes.has(call.verb)) {
      director.violations.push(`a write after its attempt's deadline: ${describeTrigger(call)}`);
    }
    const instead = before(director, call, request, fault);
    if (instead !== undefined) return instead();
    if (fault?.kind === "crash-before") {
      hands.crash();
      return never();
    }
    if (fault?.kind === "two-hubs") {
      hands.doubleHub(fault.forMs);
      await mortality.alive();
    }
    let answer: Answer;
    try {
      answer = await send();
    } catch (error) {
      if (mortality.dead) return never();
      director.answered(call, error instanceof Error ? error.name : "error", "");
      throw error;
    }
    await mortality.alive();
    director.answered(call, String(answer.status), answer.body);
    if (fault?.kind === "crash-after") {
      hands.crash();
      return never();
    }
    if (fault?.kind === "answer-lost") throw reset(request);
    return answer;
  };
}

/** The answer of a fault that keeps the request from the API server. */
function before(
  director: Director,
  call: CallName,
  request: InterceptedRequest,
  fault: Fault | undefined,
): (() => Answer) | undefined {
  switch (fault?.kind) {
    case "error-409":
      return () => said(director, call, refusal(409, "Conflict", "the object has been modified"));
    case "error-429":
      return () =>
        said(director, call, {
          ...refusal(429, "TooManyRequests", "please try again later"),
          retryAfter: "1",
        });
    case "error-500":
      return () => said(director, call, refusal(500, "InternalError", "etcdserver: leader changed"));
    case "error-timeout":
      return () => {
        director.answered(call, "timeout", "");
        throw new KubeError({
          reason: "timeout",
          dependency: request.connection,
          message: `${request.connection}: no answer within the time limit`,
        });
      };
    default:
      return undefined;
  }
}

function said(director: Director, call: CallName, answer: Answer): Answer {
  director.answered(call, String(answer.status), answer.body);
  return answer;
}

function refusal(code: number, reason: string, message: string): Answer {
  return {
    status: code,
    body: JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", reason, code, message }),
  };
}

function reset({ connection }: InterceptedRequest): KubeError {
  return new KubeError({
    reason: "unavailable",
    dependency: connection,
    message: `${connection}: socket hang up`,
    cause: Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }),
  });
}

/** The answer to the dead. */
export function never(): Promise<never> {
  return new Promise(() => {});
}
