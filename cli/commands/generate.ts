import { Option, type Command } from "commander";
import { clusterFlags, clusterSwitches } from "#cli/cluster-yaml/flags.ts";
import type { GenerateFlags } from "#cli/actions/generate.ts";
import type { Answers } from "#cli/cluster-yaml/options.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn generate`: everything a cluster with RKE2 needs, from a few flags. */
export function addGenerateCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("generate")
    .summary("the YAML of a cluster with RKE2 on Harvester, from a few flags")
    .description(
      "Prints a Cluster of the ClusterClass harvester-rke2 and what it needs: namespace, identity Secret, add-ons, health check.\n" +
        "Names belong to the cluster alone, and applying again takes nothing away.",
    );
  for (const { flags, meaning, fallback, repeated } of clusterFlags) {
    const option = new Option(flags, meaning);
    if (repeated === true) option.argParser(collected);
    if (fallback !== undefined) option.default(fallback);
    command.addOption(option);
  }
  for (const { flags, meaning } of clusterSwitches) command.addOption(new Option(flags, meaning));
  command
    .addOption(new Option("--apply", "apply it, through kubectl where there is one").conflicts("dryRun"))
    .addOption(new Option("--force", "with --apply: take over fields that somebody else has set"))
    .addOption(new Option("--dry-run", "only print it; that is the default"))
    .addOption(new Option("--interactive", "ask for what is not given, on a terminal"))
    .addOption(new Option("--kubeconfig <path>", "kubeconfig of the management cluster, for --apply"))
    .addOption(new Option("--context <name>", "context in it; its current context when left out"))
    .addHelpText(
      "after",
      "\nExamples:\n  capfn generate --name demo --image default/leap-15 --ssh-keypair default/demo --network default/vlan1 --gateway 10.50.0.1 --subnet-mask 255.255.255.0 --ip-pool demo-vms --harvester-kubeconfig identity.yaml\n" +
        "  capfn generate --name demo ... | kubectl apply --server-side --field-manager=capfn-generate -f -\n  capfn generate --interactive",
    )
    .action(async (values: Answers & GenerateFlags) => {
      const keys = [...clusterFlags, ...clusterSwitches].map(({ key }) => key);
      const answers = Object.fromEntries(keys.map((key) => [key, values[key]]));
      const given = new Set(keys.filter((key) => command.getOptionValueSource(key) === "cli"));
      const { generate } = await import("#cli/actions/generate.ts");
      // Standard output is for the YAML, so that it can be piped on.
      const streams = { input: process.stdin, output: process.stderr };
      await generate({ flags: values, answers, given }, terminal, streams);
    });
}

function collected(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
