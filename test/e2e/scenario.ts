import type { ControlPlaneHost } from "#platform/control-plane/host.ts";

/** One story that is played on a stage and must come out as its summary says. */
export interface Scenario<S> {
  /** kebab-case; what `--only` chooses by. */
  readonly name: string;
  /** What must come out, one sentence without an end. */
  readonly summary: string;
  /** `beside`: begins first and is played while others are; `alone`: waits until those have ended. In its turn, whatever goes on, when left out. */
  readonly order?: "beside" | "alone";
  /** Played only when `--only` names it: it takes long. */
  readonly whenNamed?: boolean;
  /** Answers with a short proof. Throws with what was seen instead. */
  readonly play: (stage: S) => Promise<string>;
}

/** What became of one scenario. */
export interface Result {
  readonly scenario: string;
  readonly ok: boolean;
  readonly seconds: number;
  /** The proof, or why it failed. */
  readonly said: string;
}

/** Scenarios that share a stage. */
export interface Suite {
  readonly name: string;
  readonly summary: string;
  readonly scenarios: readonly Omit<Scenario<never>, "play">[];
  /** Plays the scenarios whose names begin so, in their order; one that fails stops none. */
  play(only: string, host: ControlPlaneHost, onResult: (result: Result) => void): Promise<Result[]>;
}

/** A suite of scenarios on a stage that is opened once. */
export function suiteOf<S extends AsyncDisposable>(parts: {
  readonly name: string;
  readonly summary: string;
  readonly open: (host: ControlPlaneHost) => Promise<S>;
  readonly scenarios: readonly Scenario<S>[];
}): Suite {
  const { name, summary, open, scenarios } = parts;
  return {
    name,
    summary,
    scenarios,
    play: async (only, host, onResult) => {
      const chosen = scenarios.filter(
        ({ name: each, whenNamed }) => each.startsWith(only) && (only !== "" || whenNamed !== true),
      );
      const results: Result[] = [];
      if (chosen.length === 0) return results;
      await using stage = await open(host);
      const playOne = async (scenario: Scenario<S>): Promise<void> => {
        const begunAt = host.clock.monotonic();
        const said = await scenario.play(stage).then(
          (proof) => ({ ok: true, said: proof }),
          (error: unknown) => ({ ok: false, said: error instanceof Error ? error.message : String(error) }),
        );
        const seconds = Math.round((host.clock.monotonic() - begunAt) / 100) / 10;
        const result = { scenario: scenario.name, seconds, ...said };
        results.push(result);
        onResult(result);
      };
      const isBeside = ({ order }: Scenario<S>): boolean => order === "beside";
      const beside = Promise.all(chosen.filter(isBeside).map(playOne));
      for (const scenario of chosen.filter((each) => !isBeside(each))) {
        if (scenario.order === "alone") await beside;
        await playOne(scenario);
      }
      await beside;
      return results;
    },
  };
}
