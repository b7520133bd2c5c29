import type { HarvesterMachineStatus } from "#api/harvester-machine.ts";
import { sameCondition, findCondition, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import type { Condition } from "#api/condition.ts";

/** What one condition should say. */
export interface Finding {
  readonly type: string;
  /** Absent: what is there stays. */
  readonly statement?: Statement | undefined;
  /** What it should say when the state lasts beyond this moment. */
  readonly later?: { readonly statement: Statement; readonly from: Date } | undefined;
  /**
   * Worth a write of its own. What is not goes along with the next write: a state that is passed through in a moment, or that another
   * condition tells already.
   */
  readonly urgent: boolean;
}

export type Statement = Pick<WantedCondition, "status" | "reason" | "message">;

/** Fields of the status beside the conditions; absent ones stay as they are. */
export type StatusFields = Pick<
  HarvesterMachineStatus,
  "ready" | "initialization" | "addresses" | "allocatedIPAddress" | "allocatedPoolRef" | "failureDomain"
>;

/** A condition to be written. */
export interface DueStatement {
  readonly condition: WantedCondition;
  /** See {@link Finding.urgent}. */
  readonly urgent: boolean;
}

/** What the finding makes of the current conditions at a moment; undefined when they say it already or should stay. */
export function dueStatement(
  finding: Finding,
  current: readonly Condition[] | undefined,
  at: { readonly now: Date; readonly generation: number | undefined },
): DueStatement | undefined {
  const now = findCondition(current, finding.type);
  const want = (statement: Statement): WantedCondition => ({
    type: finding.type,
    ...statement,
    ...(at.generation !== undefined && { observedGeneration: at.generation }),
  });
  const { statement, later } = finding;
  if (later !== undefined) {
    const condition = want(later.statement);
    if (sameCondition(now, condition)) return undefined;
    if (later.from <= at.now) return { condition, urgent: true };
  }
  if (statement === undefined) return undefined;
  const condition = want(statement);
  return sameCondition(now, condition) ? undefined : { condition, urgent: finding.urgent };
}

/** When the finding will make something of the current conditions by time alone. */
export function dueDate(
  { type, later }: Finding,
  current: readonly Condition[] | undefined,
  generation: number | undefined,
): Date | undefined {
  if (later === undefined) return undefined;
  const condition = {
    type,
    ...later.statement,
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  return sameCondition(findCondition(current, type), condition) ? undefined : later.from;
}
