import { HTTP } from "cloudevents";
import { dispatchEvent } from "#events/transport/cloud-event.ts";
import { receivedDispatch } from "#events/transport/received-dispatch.ts";
import { runAttempt } from "#events/transport/run-attempt.ts";
import type { RunnerWorld } from "#events/transport/step-deps.ts";
import type { Dispatch, Runner } from "#events/transport/runner.ts";
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
    run: (dispatch) =>
      runAttempt({ world, contain, attempt: dispatch.attempt }, (deps) =>
        roundTrip === undefined
          ? dispatch.function.run(dispatch.items, dispatch.lookup, deps)
          : runOverTheWire(dispatch, deps, roundTrip),
      ),
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
  const received = receivedDispatch(HTTP.toEvent<unknown>({ headers, body: String(body) }));
  return dispatch.function.runFromData(received.data, received.cause, deps);
}
