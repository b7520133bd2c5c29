import { Option, type Command } from "commander";
import {
  broadcastOptions,
  hubClusterOptions,
  LEASE_SECONDS,
  positiveInteger,
  shardOptions,
} from "#cli/commands/flags.ts";
import type { RunFlags } from "#cli/actions/run.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn run`: the hub and all functions in one process. */
export function addRunCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("run")
    .summary("run the hub and all functions in this process")
    .description(
      "Watches the management cluster and, through it, Harvester and workload clusters, and runs each function when its object needs it.\n" +
        "Between changes nothing runs and nothing is polled. Ends on SIGTERM or SIGINT after the runs under way.",
    );
  for (const option of [...hubClusterOptions, ...shardOptions, ...broadcastOptions])
    command.addOption(option);
  command
    .addOption(
      new Option("--metrics-bind-address <address>", "where /metrics is served; 0 for nowhere").default(
        ":8080",
      ),
    )
    .addOption(
      new Option(
        "--metrics-secure",
        "serve /metrics over TLS, to bearer tokens whose user may get the path /metrics",
      ),
    )
    .addOption(
      new Option(
        "--health-probe-bind-address <address>",
        "where /healthz, /readyz, /why and /trace are served; 0 for nowhere",
      ).default(":9440"),
    )
    .addOption(
      new Option(
        "--ingress-bind-address <address>",
        "where alerts (/alerts) and CloudEvents (/events) are taken; 0 for nowhere",
      ).default("0"),
    )
    .addOption(new Option("--ingress-config <path>", "YAML file that says who may send what to the ingress"))
    .addOption(
      new Option(
        "--ledger-namespace <name>",
        "namespace of the ConfigMaps that make a restart wake nobody",
      ).default("capfn-system"),
    )
    .addOption(
      new Option("--max-in-flight <n>", "steps that run at once")
        .argParser((text) => positiveInteger("--max-in-flight", text))
        .default(64),
    )
    .addOption(
      new Option(
        "--leader-elect",
        "act only while holding the Lease capfn-hub in the ledger namespace; others stand by, with everything watched",
      ),
    )
    .addOption(
      new Option(
        "--lease-seconds <n>",
        "time after which a leader that was killed is followed; it renews four times in that time",
      )
        .argParser((text) => positiveInteger("--lease-seconds", text))
        .default(LEASE_SECONDS),
    )
    .addOption(
      new Option(
        "--etcd-snapshots <place>",
        "where snapshots of etcd are kept: a directory, or s3://<bucket>/<prefix>?endpoint=<url>; none are taken without",
      ),
    )
    .addOption(
      new Option(
        "--functions-url <template>",
        "where functions are served, {function} standing for the name; in this process when left out",
      ),
    )
    .addOption(
      new Option("--functions-token-file <path>", "file with the bearer token that functions ask for"),
    )
    .addOption(
      new Option(
        "--pull-bind-address <address>",
        "where pods of functions come for work (capfn serve --pull-from); 0 for nowhere",
      ).default("0"),
    )
    .addOption(
      new Option(
        "--pull-token-file <path>",
        "file with the token that pods must show; left out, they show tokens of their accounts for audience capfn-hub",
      ),
    )
    .addOption(
      new Option(
        "--scaler-bind-address <address>",
        "where KEDA asks for work (external-push scaler, gRPC); 0 for nowhere",
      ).default("0"),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  capfn run --kubeconfig ~/.kube/config\n  capfn run --namespace team-a,team-b --leader-elect\n  capfn run --broadcast nats://nats.nats:4222\n  capfn run --ingress-bind-address :9443 --ingress-config ingress.yaml\n  capfn run --functions-url 'http://{function}.capfn.svc/{function}'\n  capfn run --pull-bind-address :8082 --scaler-bind-address :9090\n  curl -s localhost:9440/why/machine/demo/worker-1",
    )
    .action(async (flags: RunFlags) => (await import("#cli/actions/run.ts")).run(flags, terminal));
}
