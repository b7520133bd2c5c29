import data from "#test/acceptance/checks.json" with { type: "json" };

/** One acceptance check of a drop-in replacement for CAPHV. M is the management cluster, H Harvester, W a workload cluster. */
export interface AcceptanceCheck {
  readonly number: number;
  readonly area: string;
  readonly sentence: string;
}

/** All checks, in order. Which tests show them is read from the tests' names. */
export const checks: readonly AcceptanceCheck[] = data;
