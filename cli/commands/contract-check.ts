import { Option, type Command } from "commander";
import { clusterOptions, positiveInteger } from "#cli/commands/flags.ts";
import type { ContractCheckFlags } from "#cli/actions/contract-check.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn contract-check`: which clauses of the Cluster API contract an installed infrastructure provider keeps. */
export function addContractCheckCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("contract-check")
    .summary("say which clauses of the Cluster API contract an infrastructure provider keeps")
    .description(
      "Looks at an installed infrastructure provider, any, from outside: its definitions, its objects and, with --exercise, what it does.\n" +
        "It reads only, never a Secret; --exercise makes objects in a namespace of its own and takes them away again.\n" +
        "Ends with exit code 1 when a mandatory clause is broken.",
    );
  for (const option of clusterOptions) {
    if (["--kubeconfig", "--context"].includes(option.long ?? "")) command.addOption(option);
  }
  command
    .addOption(
      new Option(
        "--provider <name>",
        "name of the provider, without infrastructure-, as in the label cluster.x-k8s.io/provider",
      ).default("harvester"),
    )
    .addOption(
      new Option(
        "--group <name>",
        "API group whose kinds are the provider's although they carry no such label",
      ),
    )
    .addOption(new Option("--kind <kind...>", "kinds that are the provider's whatever their labels"))
    .addOption(
      new Option("--exercise", "make paused, unowned and externally managed objects and see what happens"),
    )
    .addOption(
      new Option(
        "--from <path>",
        "for --exercise: YAML file with one cluster and one machine of the provider; built in for harvester",
      ),
    )
    .addOption(
      new Option("--wait-seconds <n>", "for --exercise: longest wait for the provider's reaction")
        .argParser((text) => positiveInteger("--wait-seconds", text))
        .default(30),
    )
    .addOption(new Option("--json", "print one JSON object"))
    .addHelpText(
      "after",
      "\nExamples:\n  capfn contract-check --kubeconfig management.yaml\n" +
        "  capfn contract-check --provider docker --exercise --from docker.yaml --json",
    )
    .action(async (flags: ContractCheckFlags) =>
      (await import("#cli/actions/contract-check.ts")).contractCheck(flags, terminal),
    );
}
