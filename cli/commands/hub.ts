import { Option, type Command } from "commander";
import { clusterOptions, positiveInteger, type ClusterFlags } from "#cli/commands/flags.ts";
import { managementConfig } from "#cli/operator/management.ts";
import { startRunningOperator } from "#cli/operator/operator.ts";
import { untilQuiet } from "#cli/operator/quiet.ts";
import type { Terminal } from "#cli/terminal.ts";
import { configMapLedger } from "#events/sources/config-map-ledger.ts";
import { createLog } from "#platform/observability/log.ts";

interface HubFlags extends ClusterFlags {
  readonly once?: boolean;
  readonly ledgerNamespace: string;
  readonly timeoutSeconds: number;
}

/** `capfn hub --once`: one pass over everything, for a CronJob that keeps the promise when no hub runs. */
export function addHubCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("hub")
    .summary("with --once: look at everything once, do what is due, and exit")
    .description(
      "A safety net for a CronJob: lists, judges, runs what is due until nothing more can be done at once, and exits.\n" +
        "What then still waits for another object is left to the next pass or to `capfn run`.",
    );
  for (const option of clusterOptions) command.addOption(option);
  command
    .addOption(new Option("--once", "the pass; without it use `capfn run`").makeOptionMandatory())
    .addOption(
      new Option("--ledger-namespace <name>", "namespace of the hub's ConfigMaps").default("capfn-system"),
    )
    .addOption(
      new Option("--timeout-seconds <n>", "ends the pass after this time at the latest")
        .argParser((text) => positiveInteger("--timeout-seconds", text))
        .default(120),
    )
    .addHelpText("after", "\nExample:\n  capfn hub --once --kubeconfig ~/.kube/config")
    .action((flags: HubFlags) => pass(flags, terminal));
}

async function pass(flags: HubFlags, terminal: Terminal): Promise<void> {
  const { clock, environment } = terminal;
  const running = await startRunningOperator({
    management: await managementConfig(flags, clock, environment),
    clock,
    random: terminal.random,
    log: createLog(flags.logLevel, clock),
    namespace: flags.namespace,
    ledger: (management) => configMapLedger(management, flags.ledgerNamespace),
    dispatch: true,
    requestsPerSecond: flags.requestRate,
  });
  const quiet = await untilQuiet(running.operator, clock, { timeoutMs: flags.timeoutSeconds * 1000 });
  await running.stop();
  if (!quiet)
    throw new Error(
      `the pass did not come to rest within ${flags.timeoutSeconds} s; raise --timeout-seconds or see the log`,
    );
}
