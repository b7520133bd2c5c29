import { InvalidArgumentError, Option, type Command } from "commander";
import { clusterOptions, type ClusterFlags } from "#cli/commands/flags.ts";
import {
  explainedKinds,
  explainObject,
  type Explanation,
  type ObjectQuestion,
} from "#cli/operator/explain.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import { untilQuiet } from "#cli/operator/quiet.ts";
import { renderTable } from "#cli/table.ts";
import type { Terminal } from "#cli/terminal.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { createLog } from "#platform/observability/log.ts";

interface WhyFlags extends ClusterFlags {
  readonly ledgerNamespace: string;
  readonly json?: boolean;
}

/** `capfn why machine/<name>`: what each function thinks of one object, and what it waits for. */
export function addWhyCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("why")
    .summary("say what each function thinks of one object and what it waits for")
    .description(
      "Looks at the cluster as the hub would, judges every function's predicate for one object, and adds what the stored ledger knows:\n" +
        "last outcome, what is waited for, when it is due, attempts. It runs nothing and writes nothing.",
    )
    .argument(
      "<object>",
      `<kind>/<name> or <kind>/<namespace>/<name>; kind is one of ${explainedKinds.join(", ")}`,
      parseObject,
    );
  for (const option of clusterOptions) {
    command.addOption(
      option.long === "--log-level"
        ? new Option("--log-level <level>", "what is logged").default("silent")
        : option,
    );
  }
  command
    .addOption(
      new Option("--ledger-namespace <name>", "namespace of the hub's ConfigMaps").default("capfn-system"),
    )
    .addOption(new Option("--json", "print one JSON array"))
    .addHelpText(
      "after",
      "\nExamples:\n  capfn why machine/worker-1 -n demo\n  capfn why machine/demo/worker-1 --json",
    )
    .action((object: Omit<ObjectQuestion, "namespace"> & { namespace?: string }, flags: WhyFlags) =>
      why(object, flags, terminal),
    );
}

function parseObject(text: string): { kind: string; namespace?: string; name: string } {
  const [kind = "", second = "", third] = text.split("/");
  if (!explainedKinds.includes(kind.toLowerCase()) || second === "") {
    throw new InvalidArgumentError(
      `"${text}" is no object; write <kind>/<name>, e.g. machine/worker-1. Kinds: ${explainedKinds.join(", ")}.`,
    );
  }
  return third === undefined ? { kind, name: second } : { kind, namespace: second, name: third };
}

async function why(
  object: { kind: string; namespace?: string; name: string },
  flags: WhyFlags,
  terminal: Terminal,
): Promise<void> {
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
