import { Option, type Command } from "commander";
import { clusterOptions, hubOptions } from "#cli/commands/flags.ts";
import type { AlertFlags } from "#cli/actions/alert.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn alert <name> --node n`: an alert as Alertmanager would send it. */
export function addAlertCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("alert")
    .summary("fire or resolve an alert about a machine, as Alertmanager would")
    .description(
      "Writes the RemediationRequest that a firing alert becomes, or closes the open ones of the same alert; with --hub it posts\n" +
        "a webhook of Alertmanager to a running hub's /alerts instead.",
    )
    .argument("<name>", "name of the alert, e.g. NodeDown")
    .option("--node <name>", "label node: name of the machine's Node")
    .option("--machine <name>", "label machine: name of the Machine")
    .option("--cluster <name>", "label cluster: name of the Cluster")
    .option("--cluster-namespace <name>", "label cluster_namespace: namespace of Cluster and Machine")
    .option("--resolve", "the alert has ended")
    .option("--starts-at <time>", "when it began, RFC 3339; now when left out");
  for (const option of clusterOptions) {
    if (["--kubeconfig", "--context"].includes(option.long ?? "")) command.addOption(option);
  }
  command.addOption(
    new Option("-n, --namespace <name>", "namespace of the RemediationRequest").default("capfn-system"),
  );
  for (const option of hubOptions) command.addOption(option);
  command
    .addHelpText(
      "after",
      "\nExamples:\n  capfn alert NodeDown --node shop-md-0-x7k2p --cluster shop\n" +
        "  capfn alert NodeDown --node shop-md-0-x7k2p --cluster shop --resolve\n" +
        "  capfn alert NodeDown --machine worker-1 --hub http://localhost:9443 --token-file token",
    )
    .action(async (name: string, flags: AlertFlags) =>
      (await import("#cli/actions/alert.ts")).alert(name, flags, terminal),
    );
}
