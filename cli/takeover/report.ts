import type { Connections } from "#cli/takeover/connections.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { Clock } from "#platform/process/clock.ts";

/**
 * How a finding stands in the way of a takeover.
 * - `fine`, `note`: it does not
 * - `step`: one of the steps deals with it
 * - `blocks`: a person has to deal with it first
 */
export type FindingState = "fine" | "note" | "step" | "blocks";

/** Something that was looked at. */
export interface Finding {
  readonly about: string;
  readonly state: FindingState;
  readonly message: string;
}

/** Something to do, in the order of the report. Done twice it does nothing more. */
export interface Step {
  readonly title: string;
  perform(world: TakeoverWorld): Promise<void>;
}

/** What one part of the survey adds to the report. */
export interface Part {
  readonly findings: readonly Finding[];
  readonly steps: readonly Step[];
}

/** `capfn`: from the Go provider; `caphv`: back to it. */
export type Direction = "capfn" | "caphv";

export interface TakeoverWorld {
  readonly management: KubeClient;
  readonly connections: Connections;
  readonly clock: Clock;
}

/** What is there, and what would be done about it. */
export interface Report extends Part {
  readonly direction: Direction;
}

export function hasBlockers({ findings }: Part): boolean {
  return findings.some(({ state }) => state === "blocks");
}
