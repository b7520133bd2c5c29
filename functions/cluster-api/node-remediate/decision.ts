import type { RemediationPhase, RemediationStepName, TakenStep } from "#api/remediation.ts";
import type { Refusal } from "#functions/cluster-api/node-remediate/guards.ts";
import type { Health } from "#functions/cluster-api/node-remediate/health.ts";

/** The one thing to do next. */
export type Plan =
  /** Nothing more is to be done. */
  | {
      readonly do: "close";
      readonly phase: RemediationPhase;
      readonly reason: string;
      readonly message: string;
    }
  | { readonly do: "hold"; readonly refusal: Refusal }
  /** Write down that a step is taken, then take it. */
  | { readonly do: "begin"; readonly step: Begun; readonly health: Health }
  /** Write down that a step cannot be taken. */
  | { readonly do: "skip"; readonly step: Begun; readonly message: string }
  /** A step is written down, and the world does not show its effect. */
  | { readonly do: "act"; readonly step: TakenStep }
  | { readonly do: "wait"; readonly step: TakenStep; readonly until: number }
  | {
      readonly do: "end";
      readonly step: TakenStep;
      readonly state: TakenStep["state"];
      readonly proof: string;
    };

/** A step that is about to be taken. */
export interface Begun {
  readonly name: RemediationStepName;
  readonly attempt: number;
  readonly reason: string;
  readonly uid?: string;
  /** Boot of the Node before the step. */
  readonly bootID?: string;
}
