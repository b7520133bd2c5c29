import { Option, type Command } from "commander";
import type { SimulateFlags } from "#cli/simulate/run.ts";
import type { SimulatorOptions } from "#cli/simulate/pod.ts";
import type { Terminal } from "#cli/terminal.ts";
import { version } from "#cli/version.ts";

const directory = new Option("--directory <path>", "files that the pod's containers share").default("/data");

const publishTo = new Option(
  "--publish-to <namespace>",
  "namespace whose Secrets name the simulated API servers, and of the VMs on Harvester",
).default("demo");

const cluster = new Option("--cluster <name>", "name of the workload cluster").default("demo");

const namespace = new Option("--namespace <name>", "namespace of the simulator itself").default(
  "capfn-simulator",
);

/** `capfn simulate`: a Harvester and a workload cluster that are not there, inside a cluster. */
export function addSimulateCommand(program: Command, terminal: Terminal): void {
  const simulate = program
    .command("simulate")
    .summary(
      "a simulated Harvester and workload cluster inside a cluster, for trying capfn without a Harvester",
    )
    .description(
      "Real API servers with Harvester's resource types in one pod, and a program that plays Harvester, KubeVirt, the guests and their kubelets.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  capfn simulate manifests | kubectl apply --server-side -f -\n" +
        "  kubectl -n demo get secret harvester-identity demo-kubeconfig\n  kubectl apply -f docs/examples/cluster.yaml -f docs/examples/workers.yaml",
    );
  simulate
    .command("manifests")
    .summary("print what to apply, server-side; Harvester's types come from Go modules, which are cached")
    .addOption(namespace)
    .addOption(publishTo)
    .addOption(cluster)
    .option("--capfn-image <image>", "image of capfn, as the cluster knows it", `capfn:${version}`)
    .option("--api-server-image <image>", "image of kube-apiserver", "registry.k8s.io/kube-apiserver:v1.35.4")
    .option("--etcd-image <image>", "image of etcd", "registry.k8s.io/etcd:3.6.8-0")
    .option("--realistic", "VMs that take as long as in a small production cluster", false)
    .action(async (flags: SimulatorOptions) => {
      const [{ simulatorManifests }, { stringify }] = await Promise.all([
        import("#cli/simulate/manifests.ts"),
        import("yaml"),
      ]);
      const { environment, clock } = terminal;
      const progress = (line: string): void => terminal.say(line);
      const objects = await simulatorManifests({ environment, clock, progress }, flags);
      const options = { lineWidth: 0, aliasDuplicateObjects: false };
      terminal.print(objects.map((object) => stringify(object, options)).join("---\n"));
    });
  simulate
    .command("prepare")
    .summary("make keys, tokens and kubeconfigs; in the pod, before its API servers start")
    .addOption(directory)
    .addOption(namespace)
    .action(async (flags: { directory: string; namespace: string }) =>
      (await import("#cli/simulate/prepare.ts")).prepareSimulator({ ...flags, clock: terminal.clock }),
    );
  simulate
    .command("run")
    .summary("play Harvester and the kubelets until asked to end; in the pod, beside its API servers")
    .addOption(directory)
    .option("--install <path>", "folder with what stands on Harvester before the first VM", "/install")
    .addOption(publishTo)
    .addOption(cluster)
    .option("--realistic", "VMs that take as long as in a small production cluster")
    .option(
      "--kubeconfig <path>",
      "kubeconfig of the management cluster; in a pod its own cluster when left out",
    )
    .action(async (flags: SimulateFlags) => (await import("#cli/simulate/run.ts")).simulate(flags, terminal));
}
