import * as z from "zod";
import type { ClusterFlags } from "#cli/commands/flags.ts";
import type { NamedObject } from "#cli/commands/object-argument.ts";
import { explainObject, explanationSchema, type Explanation } from "#cli/operator/explain.ts";
import type { ObjectQuestion } from "#cli/operator/object-question.ts";
import { absent, questionOf, targetOf } from "#cli/operator/own-functions.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import { untilQuiet } from "#cli/operator/quiet.ts";
import { renderTable } from "#cli/table.ts";
import type { Terminal } from "#cli/terminal.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { createLog } from "#platform/observability/log.ts";

export interface WhyFlags extends ClusterFlags {
  readonly ledgerNamespace: string;
  readonly json?: boolean;
  /** URL of a running hub's health address. */
  readonly hub?: string;
}

/** Prints what each function thinks of the object: as the running hub says, or by looking at the cluster as a hub would. */
export async function why(object: NamedObject, flags: WhyFlags, terminal: Terminal): Promise<void> {
  const question = questionOf(object, flags.namespace);
  const found =
    flags.hub === undefined ? await look(question, flags, terminal) : await ask(flags.hub, question);
  if (found === undefined) throw absent(targetOf(question));
  terminal.print(flags.json === true ? JSON.stringify(found) : renderExplanations(found));
}

/** Judges every function without running anything or writing a byte. */
async function look(
  question: ObjectQuestion,
  flags: WhyFlags,
  { clock, environment, random }: Terminal,
): Promise<readonly Explanation[] | undefined> {
  const running = await startRunningOperator({
    management: await managementConfig(flags, clock, environment),
    clock,
    random,
    log: createLog(flags.logLevel, clock),
    shard: { namespaces: [question.namespace] },
    ledger: (management) => readOnly(configMapLedger(management, flags.ledgerNamespace)),
    dispatch: false,
    requestsPerSecond: flags.requestRate,
  });
  await untilQuiet(running.operator, clock, { timeoutMs: 10_000, quietMs: 0 });
  const found = explainObject(running.operator.hub, question);
  await running.stop();
  return found;
}

async function ask(
  hub: string,
  { kind, namespace, name }: ObjectQuestion,
): Promise<readonly Explanation[] | undefined> {
  const answer = await fetch(new URL(`/why/${kind}/${namespace}/${name}`, hub));
  if (answer.status === 404) return undefined;
  if (!answer.ok)
    throw new Error(`${hub} answers ${answer.status}; --hub takes the health address of a running hub`);
  return z.array(explanationSchema).parse(await answer.json());
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
