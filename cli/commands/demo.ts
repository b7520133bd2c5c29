import type { Command } from "commander";
import type { Terminal } from "#cli/terminal.ts";

interface DemoFlags {
  readonly json?: boolean;
  readonly keep?: boolean;
  readonly realistic?: boolean;
}

/** `capfn demo`: everything on this machine. */
export function addDemoCommand(program: Command, terminal: Terminal): void {
  program
    .command("demo")
    .summary(
      "run everything on this machine: real API servers, a simulated Harvester, machines that come and go",
    )
    .description(
      "Starts etcd, kube-apiservers for management, Harvester and workload cluster, the real Cluster API core, a simulated Harvester and capfn;\n" +
        "makes a Cluster with three workers, scales 3 -> 5 -> 1 -> deleted, shows what happens and what it costs, and checks that nothing is left.\n" +
        "Programs that are missing are fetched or built once and cached; the first run may take some minutes.",
    )
    .option("--json", "print one JSON object as the last line, for scripts")
    .option(
      "--keep",
      "stop after the first three workers, stay up and print kubeconfigs; Ctrl-C ends everything",
    )
    .option(
      "--realistic",
      "VMs that take as long as in a small production cluster (about four minutes in all)",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  npm run demo\n  npm run demo -- --json | tail -n 1 | jq .harvesterRequestsPerCreate\n  npm run demo -- --keep",
    )
    .action(async (flags: DemoFlags) => (await import("#cli/demo/demo.ts")).runDemo(flags, terminal));
}
