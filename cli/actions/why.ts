import type { ClusterFlags } from "#cli/commands/flags.ts";
import { explainObject, type Explanation, type ObjectQuestion } from "#cli/operator/explain.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import { untilQuiet } from "#cli/operator/quiet.ts";
import { renderTable } from "#cli/table.ts";
import type { Terminal } from "#cli/terminal.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { createLog } from "#platform/observability/log.ts";

/** The object asked about; without a namespace it is that of `--namespace`. */
export interface WhyObject {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface WhyFlags extends ClusterFlags {
  readonly ledgerNamespace: string;
  readonly json?: boolean;
}

/** Looks at the cluster as the hub would, without running anything, and prints what each function thinks of the object. */
export async function why(object: WhyObject, flags: WhyFlags, terminal: Terminal): Promise<void> {
  const { clock, environment } = terminal;
  const question: ObjectQuestion = { ...object, namespace: object.namespace ?? flags.namespace ?? "default" };
  const running = await startRunningOperator({
    management: await managementConfig(flags, clock, environment),
    clock,
    random: terminal.random,
    log: createLog(flags.logLevel, clock),
    namespace: question.namespace,
    ledger: (management) => readOnly(configMapLedger(management, flags.ledgerNamespace)),
    dispatch: false,
    requestsPerSecond: flags.requestRate,
  });
  await untilQuiet(running.operator, clock, { timeoutMs: 10_000 });
  const found = explainObject(running.operator.hub, question);
  await running.stop();
  if (found === undefined) {
    throw new Error(
      `no ${question.kind} ${question.namespace}/${question.name}; see: kubectl get harvestermachines -n ${question.namespace}`,
    );
  }
  terminal.print(flags.json === true ? JSON.stringify(found) : renderExplanations(found));
}

function renderExplanations(found: readonly Explanation[]): string {
  const rows = found.map((each) => [
    each.function,
    each.predicate,
    each.state,
    each.nextDue,
    each.faults === 0 ? "" : String(each.faults),
    each.lastOutcome,
  ]);
  return renderTable(["FUNCTION", "PREDICATE", "STATE", "NEXT DUE", "FAULTS", "LAST OUTCOME"], rows);
}

function readOnly<T extends { load(): Promise<unknown>; save(snapshot: never): Promise<void> }>(store: T): T {
  return { ...store, save: () => Promise.resolve() };
}
