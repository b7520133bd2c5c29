import { allClauses, clauses, type ClauseId } from "#cli/contract-check/clauses.ts";
import type { Verdict } from "#cli/contract-check/verdict.ts";
import { renderTable } from "#cli/table.ts";

/** How many objects a row names before it counts. */
const NAMED = 3;

/** All verdicts of a look, in the order of the clauses. */
export interface ContractReport {
  readonly provider: string;
  readonly verdicts: readonly Verdict[];
}

/** The broken verdicts about clauses without which core or clusterctl does not work with the provider. */
export function mandatoryFaults({ verdicts }: ContractReport): readonly Verdict[] {
  return verdicts.filter(({ state, clause }) => state === "broken" && clauses[clause].mandatory);
}

/** One line a clause and what came of it, then how to mend what is broken. */
export function renderReport(report: ContractReport): string {
  const rows = allClauses().flatMap((clause) => rowsOf(clause, report.verdicts));
  const table = renderTable(["CLAUSE", "STATE", "ON", "SAYS, OR SEEN"], rows);
  const mends = report.verdicts.flatMap((each) =>
    each.state === "broken" ? [`${each.clause}, ${each.on}: ${each.mend}`] : [],
  );
  const mending = mends.length === 0 ? [] : ["", "To mend:", ...mends.map((mend) => `  ${mend}`)];
  return [table, ...mending, "", summary(report)].join("\n");
}

/** The same for programs. */
export function jsonReport(report: ContractReport): string {
  return JSON.stringify({
    provider: report.provider,
    broken: count(report, "broken"),
    brokenMandatory: mandatoryFaults(report).length,
    verdicts: allClauses().flatMap((clause) =>
      report.verdicts
        .filter((each) => each.clause === clause)
        .map((each) => ({ says: clauses[clause].says, mandatory: clauses[clause].mandatory, ...each })),
    ),
  });
}

function rowsOf(clause: ClauseId, verdicts: readonly Verdict[]): string[][] {
  const own = verdicts.filter((each) => each.clause === clause);
  const { says, mandatory } = clauses[clause];
  const good = own.filter(({ state }) => state === "kept").map(({ on }) => on);
  // One line for each reason, not for each kind.
  const left = Map.groupBy(
    own.flatMap((each) => (each.state === "not looked at" ? [each] : [])),
    ({ seen }) => seen,
  );
  return [
    ...(good.length > 0 ? [[clause, "kept", list(good), says]] : []),
    ...own.flatMap((each) =>
      each.state === "broken"
        ? [[clause, mandatory ? "BROKEN" : "broken (optional)", each.on, each.seen]]
        : [],
    ),
    ...[...left].map(([seen, each]) => [clause, "not looked at", list(each.map(({ on }) => on)), seen]),
  ];
}

function list(names: readonly string[]): string {
  const unique = [...new Set(names)];
  return unique.length <= NAMED
    ? unique.join(", ")
    : `${unique.slice(0, NAMED).join(", ")} and ${unique.length - NAMED} more`;
}

function summary(report: ContractReport): string {
  const faults = mandatoryFaults(report).length;
  return (
    `infrastructure-${report.provider}: ${count(report, "kept")} kept, ` +
    `${count(report, "broken")} broken (${faults} mandatory), ${count(report, "not looked at")} not looked at`
  );
}

function count({ verdicts }: ContractReport, state: Verdict["state"]): number {
  return verdicts.filter((each) => each.state === state).length;
}
