import type { ReceivedDispatch } from "#events/transport/received-dispatch.ts";
import { runAttempt } from "#events/transport/run-attempt.ts";
import type { RunResult } from "#events/transport/runner.ts";
import type { RunnerWorld } from "#events/transport/step-deps.ts";
import { answerOf, type RunAnswer } from "#events/transport/wire.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { ResourceView } from "#platform/kube/view.ts";
import type { Contain } from "#platform/process/stray-rejections.ts";

/** Steps that run in a process of their own, for a hub elsewhere. */
export interface ServedSteps {
  readonly functions: readonly StepFunction[];
  /** Views of all kinds the functions may write: objects that are written are told to the hub as these see them. */
  readonly views: readonly ResourceView<unknown>[];
  readonly world: RunnerWorld;
  readonly contain: Contain;
  /** Hears of every attempt that was run. */
  readonly ran: (name: string, result: RunResult) => void;
}

/** An attempt's right to write. */
interface Right {
  /** Ends it. */
  readonly end: AbortController;
  /** From now, ms. */
  readonly deadlineMs: number;
  /** Asked right before each write leaves, besides; always allowed when left out. */
  readonly mayWrite?: () => boolean;
  /** It begins when this resolves; at once when left out. */
  readonly turn?: Promise<void>;
}

/** Runs one dispatch under its deadline; the answer is for the wire. Never rejects. */
export async function runServed(
  { world, contain, views, ran }: ServedSteps,
  fn: StepFunction,
  { token, data, cause }: ReceivedDispatch,
  { end, deadlineMs, mayWrite, turn }: Right,
): Promise<RunAnswer> {
  const cancel = world.clock.schedule(Math.min(deadlineMs, fn.timeoutMs), () =>
    end.abort(new Error("the attempt passed its deadline")),
  );
  const place = {
    world: mayWrite === undefined ? world : { ...world, mayWrite },
    contain,
    attempt: { token, signal: end.signal },
  };
  const result = await runAttempt(place, async (deps) => {
    await turn;
    end.signal.throwIfAborted();
    return fn.runFromData(data, cause, deps);
  });
  cancel();
  ran(fn.name, result);
  try {
    return answerOf(result, views);
  } catch (fault) {
    return answerOf({ token, outcomes: new Map(), written: [], fault }, views);
  }
}
