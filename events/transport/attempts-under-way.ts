/** An attempt that runs, for everybody who asks for it. */
export interface AttemptUnderWay<T> {
  readonly answer: Promise<T>;
  /** Ends its right to write. */
  readonly end: AbortController;
  /** One more waits for its answer; calls back when that one no longer does. With the last of them its right to write ends. */
  joined(): () => void;
}

/** What an attempt is called, and what nothing else may run under meanwhile. */
export interface AttemptName {
  /** `<epoch>.<n>`; the greater one is the newer. */
  readonly token: string;
  readonly key: string;
}

/** Runs the step, not before `turn` resolves; `end` ends its right to write. */
export type RunStep<T> = (end: AbortController, turn: Promise<void>) => Promise<T>;

/**
 * The attempts of one process, of each key one at a time. A newer attempt of a key takes the right to write from the one before it and begins when
 * that has ended: whoever sent the older one has given it up.
 */
export class AttemptsUnderWay<T> {
  readonly #byToken = new Map<string, AttemptUnderWay<T>>();
  readonly #newest = new Map<string, { readonly token: string; readonly attempt: AttemptUnderWay<T> }>();

  /** The same attempt once more, e.g. from a proxy that tries again, is the one under way. Undefined when a newer one of its key is. */
  join({ token, key }: AttemptName, run: RunStep<T>): AttemptUnderWay<T> | undefined {
    const same = this.#byToken.get(token);
    if (same !== undefined) return same;
    const before = this.#newest.get(key);
    if (before !== undefined && isNewer(before.token, token)) return undefined;
    before?.attempt.end.abort(new Error("a newer attempt of its key has come"));
    const end = new AbortController();
    const attempt = waitedFor(end, run(end, settled(before?.attempt.answer)));
    this.#byToken.set(token, attempt);
    this.#newest.set(key, { token, attempt });
    const forget = () => {
      this.#byToken.delete(token);
      if (this.#newest.get(key)?.attempt === attempt) this.#newest.delete(key);
    };
    void attempt.answer.then(forget, forget);
    return attempt;
  }
}

async function settled(answer: Promise<unknown> | undefined): Promise<void> {
  await answer?.catch(() => undefined);
}

function waitedFor<T>(end: AbortController, answer: Promise<T>): AttemptUnderWay<T> {
  let asking = 0;
  return {
    answer,
    end,
    joined: () => {
      asking += 1;
      return () => {
        asking -= 1;
        // Nobody would hear of what is written from now on.
        if (asking === 0) end.abort(new Error("the hub no longer waits for the answer"));
      };
    },
  };
}

function isNewer(one: string, other: string): boolean {
  const [[epoch = 0, count = 0] = [], [otherEpoch = 0, otherCount = 0] = []] = [one, other].map((token) =>
    token.split(".").map(Number),
  );
  return epoch === otherEpoch ? count > otherCount : epoch > otherEpoch;
}
