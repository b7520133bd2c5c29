import { HTTP, type CloudEventV1 } from "cloudevents";
import { causeOf, dispatchEvent } from "#events/transport/cloud-event.ts";
import { attemptDeps, type RunnerWorld } from "#events/transport/step-deps.ts";
import type { Dispatch, Runner, RunResult } from "#events/transport/runner.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import type { Contain } from "#platform/process/stray-rejections.ts";

export interface InProcessOptions {
  /**
   * Sends every dispatch through a serialised CloudEvent, in the HTTP mode named, before its handler sees it: proof that handlers would not
   * notice moving behind HTTP. For tests.
   */
  readonly roundTrip?: "structured" | "binary";
  /** Keeps rejections a handler leaves behind from ending the process. */
  readonly contain?: Contain | undefined;
}

/**
 * Runs handlers in the hub's own process: no pods at all. A handler that throws, never ends, or forgets to await what then fails harms only
 * its own attempt.
 */
export function inProcessRunner(
  world: RunnerWorld,
  { roundTrip, contain = uncontained }: InProcessOptions = {},
): Runner {
  return {
    run: async (dispatch: Dispatch): Promise<RunResult> => {
      const { token, signal } = dispatch.attempt;
      const { deps, written, writes, reached } = attemptDeps(world, signal);
      const trace = () => ({ token, written: [...written], writes: [...writes], reached: [...reached] });
      const strays: unknown[] = [];
      const step = () =>
        roundTrip === undefined
          ? dispatch.function.run(dispatch.items, dispatch.lookup, deps)
          : runOverTheWire(dispatch, deps, roundTrip);
      try {
        // Also after a stray rejection the handler is waited for: until it ends it may write, and its key is not free.
        const outcomes = await contain(step, (error) => strays.push(error));
        if (strays.length > 0) return { ...trace(), outcomes: new Map(), fault: strays[0] };
        return { ...trace(), outcomes };
      } catch (fault) {
        return { ...trace(), outcomes: new Map(), fault };
      }
    },
  };
}

const uncontained: Contain = (act) => act();

async function runOverTheWire(
  dispatch: Dispatch,
  deps: Deps,
  mode: "structured" | "binary",
): Promise<ReadonlyMap<string, Outcome>> {
  const event = dispatchEvent(dispatch);
  if (event === undefined) return new Map();
  const { headers, body } = HTTP[mode](event);
  const received = HTTP.toEvent<unknown>({ headers, body: String(body) });
  const single: CloudEventV1<unknown> | undefined = Array.isArray(received) ? received[0] : received;
  if (single === undefined) return new Map();
  return dispatch.function.runFromData(single.data, causeOf(single), deps);
}
