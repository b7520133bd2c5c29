import { HTTP, type CloudEventV1 } from "cloudevents";
import { causeOf, dispatchEvent } from "#events/transport/cloud-event.ts";
import { attemptDeps, type RunnerWorld } from "#events/transport/step-deps.ts";
import type { Dispatch, Runner, RunResult } from "#events/transport/runner.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { Outcome } from "#functions/contract/outcome.ts";

export interface InProcessOptions {
  /**
   * Sends every dispatch through a serialised CloudEvent, in the HTTP mode named, before its handler sees it: proof that handlers would not
   * notice moving behind HTTP. For tests.
   */
  readonly roundTrip?: "structured" | "binary";
}

/** Runs handlers in the hub's own process: no pods at all. A handler that throws or never ends harms only its own attempt. */
export function inProcessRunner(world: RunnerWorld, { roundTrip }: InProcessOptions = {}): Runner {
  return {
    run: async (dispatch: Dispatch): Promise<RunResult> => {
      const { token, signal } = dispatch.attempt;
      const { deps, written, writes, reached } = attemptDeps(world, signal);
      const trace = () => ({ token, written: [...written], writes: [...writes], reached: [...reached] });
      try {
        const outcomes =
          roundTrip === undefined
            ? await dispatch.function.run(dispatch.items, dispatch.lookup, deps)
            : await runOverTheWire(dispatch, deps, roundTrip);
        return { ...trace(), outcomes };
      } catch (fault) {
        return { ...trace(), outcomes: new Map(), fault };
      }
    },
  };
}

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
