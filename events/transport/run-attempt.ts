import type { RunResult } from "#events/transport/runner.ts";
import { attemptDeps, type RunnerWorld } from "#events/transport/step-deps.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import type { Contain } from "#platform/process/stray-rejections.ts";

/** Where and for whom an attempt runs. */
export interface AttemptPlace {
  readonly world: RunnerWorld;
  /** Keeps rejections a handler leaves behind from ending the process. */
  readonly contain: Contain;
  readonly attempt: { readonly token: string; readonly signal: AbortSignal };
}

/** Runs one attempt of a step in this process. Never rejects: a handler that throws, or forgets to await what then fails, harms only its own attempt. */
export async function runAttempt(
  { world, contain, attempt: { token, signal } }: AttemptPlace,
  step: (deps: Deps) => Promise<ReadonlyMap<string, Outcome>>,
): Promise<RunResult> {
  const { deps, written, writes, reached } = attemptDeps(world, signal);
  const trace = () => ({ token, written: [...written], writes: [...writes], reached: [...reached] });
  const strays: unknown[] = [];
  try {
    // Also after a stray rejection the handler is waited for: until it ends it may write, and its key is not free.
    const outcomes = await contain(
      () => step(deps),
      (error) => strays.push(error),
    );
    if (strays.length > 0) return { ...trace(), outcomes: new Map(), fault: strays[0] };
    return { ...trace(), outcomes };
  } catch (fault) {
    return { ...trace(), outcomes: new Map(), fault };
  }
}
