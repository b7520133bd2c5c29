import type { ClusterFlags } from "#cli/commands/flags.ts";
import type { NamedObject } from "#cli/commands/object-argument.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { viewOf } from "#cli/operator/object-question.ts";
import { startRunningOperator, type RunningOperator } from "#cli/operator/operator.ts";
import { untilQuiet } from "#cli/operator/quiet.ts";
import { renderTable } from "#cli/table.ts";
import type { Terminal } from "#cli/terminal.ts";
import { memoryLedger } from "#events/sources/memory-ledger.ts";
import { conclude, type Conclusion } from "#functions/harvester/machine-diagnose/conclude.ts";
import { examineMachine } from "#functions/harvester/machine-diagnose/examine.ts";
import type { Findings } from "#functions/harvester/machine-diagnose/findings.ts";
import { machineInAnyCase } from "#functions/harvester/machine-scope.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import { harvesterConnection, MANAGEMENT } from "#platform/kube/view.ts";
import { createLog } from "#platform/observability/log.ts";
import { sleep } from "#platform/process/clock.ts";

export interface DiagnoseFlags extends ClusterFlags {
  readonly json?: boolean;
}

/** Longest a look may take, ms: two API servers, and a guest over SSH. */
const LONGEST_MS = 120_000;

/** Prints what is found around one machine now. Runs nothing and writes nothing. */
export async function diagnose(object: NamedObject, flags: DiagnoseFlags, terminal: Terminal): Promise<void> {
  const { clock, environment, random } = terminal;
  const namespace = object.namespace ?? flags.namespace ?? "default";
  if (viewOf(object.kind) !== harvesterMachineView) {
    throw new Error(`${object.kind} is no machine; write machine/<name>`);
  }
  const running = await startRunningOperator({
    management: await managementConfig(flags, clock, environment),
    clock,
    random,
    log: createLog(flags.logLevel, clock),
    shard: { namespaces: [namespace] },
    ledger: () => memoryLedger(),
    dispatch: false,
    requestsPerSecond: flags.requestRate,
  });
  const ending = new AbortController();
  void sleep(clock, LONGEST_MS, ending.signal).then(
    () => ending.abort(),
    () => undefined,
  );
  try {
    await untilQuiet(running.operator, clock, { timeoutMs: 10_000, quietMs: 0 });
    const findings = await examine(running, { namespace, name: object.name, signal: ending.signal });
    const conclusion = conclude(findings);
    terminal.print(
      flags.json === true ? JSON.stringify({ ...conclusion, findings }) : render(conclusion, findings),
    );
  } finally {
    ending.abort();
    await running.stop();
  }
}

async function examine(
  { operator, management }: RunningOperator,
  {
    namespace,
    name,
    signal,
  }: { readonly namespace: string; readonly name: string; readonly signal: AbortSignal },
): Promise<Findings> {
  const { index } = operator.hub;
  const machine = index.get(harvesterMachineView, { connection: MANAGEMENT, namespace, name });
  if (machine === undefined) {
    throw new Error(`no machine ${namespace}/${name}; see: kubectl get harvestermachines -n ${namespace}`);
  }
  const { related } = machineInAnyCase.resolve(machine, index);
  const harvester = (identity: { readonly namespace: string; readonly name: string }) => {
    const client = operator.streams.client(harvesterConnection(identity));
    return client === undefined
      ? Promise.reject(
          new Error(`Harvester of Secret ${identity.namespace}/${identity.name} does not answer`),
        )
      : Promise.resolve(client);
  };
  const findings = await examineMachine({ object: machine, related }, { management, harvester, signal });
  if (typeof findings === "string") throw new Error(`machine ${namespace}/${name}: ${findings}`);
  return findings;
}

function render({ reason, message }: Conclusion, { vm, instance, ...found }: Findings): string {
  const { volumes, images, events, guest } = found;
  const rows = [
    [
      "VM",
      vm.state,
      vm.conditions.map((each) => `${each.type}: ${each.reason} ${each.message}`.trim()).join("; "),
    ],
    [
      "instance",
      instance?.phase ?? "none",
      [instance?.host, ...(instance?.addresses ?? [])].join(" ").trim(),
    ],
    ...volumes.map(({ name, phase }) => ["disk", phase, name]),
    ...images.map(({ name, imported }) => ["image", imported ? "imported" : "not imported", name]),
    ...events.map((each) => ["warning", `${each.reason} x${each.count}`, `${each.about}: ${each.message}`]),
    [
      "guest",
      guest.asked ? (guest.cloudInit ?? "says nothing") : "not asked",
      guest.asked ? guest.errors.join("; ") : guest.why,
    ],
  ];
  const log = guest.asked && guest.log.length > 0 ? ["", ...guest.log.map((line) => `  ${line}`)] : [];
  return [`${reason}: ${message}`, "", renderTable(["WHAT", "STATE", "DETAILS"], rows), ...log].join("\n");
}
