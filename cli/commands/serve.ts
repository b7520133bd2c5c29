import { Option, type Command } from "commander";
import type { ServeFlags } from "#cli/actions/serve.ts";
import { clusterOptions } from "#cli/commands/flags.ts";
import type { Terminal } from "#cli/terminal.ts";

/** `capfn serve [functions...]`: functions behind HTTP, for a hub that runs elsewhere. */
export function addServeCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("serve")
    .argument("[functions...]", "names of functions, e.g. vm-create ip-allocate; all when left out")
    .summary("serve functions behind HTTP, for a hub with --functions-url")
    .description(
      "Takes one reconcile step per request, as a CloudEvent, and answers with its outcome. It watches nothing and keeps nothing, so it may be\n" +
        "started for an event and ended after it. Each function is served at /<name>. The hub that asks is `capfn run --functions-url`.",
    );
  for (const option of clusterOptions) if (option.long !== "--namespace") command.addOption(option);
  command
    .addOption(new Option("--bind-address <address>", "where functions are served").default("127.0.0.1:8080"))
    .addOption(
      new Option(
        "--token-file <path>",
        "file with the bearer token a hub must show; for places without ServiceAccounts",
      ),
    )
    .addOption(
      new Option(
        "--token-audience <name>",
        "take the tokens of ServiceAccounts that are meant for this audience; the API server is asked whose they are",
      ),
    )
    .addOption(
      new Option(
        "--token-user <name>",
        "who may run steps by such a token, e.g. system:serviceaccount:capfn-system:capfn-hub; may be given several times",
      ).argParser((name, before: readonly string[] | undefined) => [...(before ?? []), name]),
    )
    .addOption(
      new Option(
        "--accept-triggers",
        "take events of a broker, e.g. by Knative Triggers, instead of a hub's; for places where no hub runs",
      ),
    )
    .addOption(
      new Option(
        "--ledger-namespace <name>",
        "with --accept-triggers: namespace of a hub's Lease; while one leads, events are left to it",
      ).default("capfn-system"),
    )
    .addOption(
      new Option(
        "--etcd-snapshots <place>",
        "where snapshots of etcd are kept: a directory, or s3://<bucket>/<prefix>?endpoint=<url>; none are taken without",
      ),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  capfn serve --kubeconfig ~/.kube/config\n  capfn serve vm-create --bind-address :8080 --token-audience capfn-functions --token-user system:serviceaccount:capfn-system:capfn-hub\n" +
        "  capfn run --functions-url 'http://localhost:8080/{function}'",
    )
    .action(async (names: string[], flags: ServeFlags) =>
      (await import("#cli/actions/serve.ts")).serve(names, flags, terminal),
    );
}
